import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import {
  lz4Compress,
  lz4Decompress,
  snappyCompress,
  snappyDecompress,
} from "@platformatic/wasm-utils";
import kafkajs from "kafkajs";

/** Lets kafkajs pack as other clients do; on its own it knows gzip only. */
export function compressInKafkajs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  const codec =
    (pack: (bytes: Buffer) => Buffer, unpack: (bytes: Buffer) => Buffer) => (): object => ({
      compress: async ({ buffer }: { buffer: Buffer }) => Buffer.from(pack(buffer)),
      decompress: async (buffer: Buffer) => Buffer.from(unpack(buffer)),
    });
  Object.assign(CompressionCodecs, {
    [CompressionTypes.Snappy]: codec(snappyCompress, snappyDecompress),
    [CompressionTypes.LZ4]: codec(lz4Compress, lz4Decompress),
    [CompressionTypes.ZSTD]: codec(zstdCompressSync, zstdDecompressSync),
  });
}
