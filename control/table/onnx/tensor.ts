import { LimenError } from "../../errors.ts";
import type { TensorProto } from "./onnx_pb.ts";

/** A constant; texts only for tensors of strings. */
export type Tensor = { dims: number[]; values: number[]; texts?: string[] };

const FLOAT = 1;
const UINT8 = 2;
const INT32 = 6;
const INT64 = 7;
const STRING = 8;
const BOOL = 9;
const DOUBLE = 11;

type Reading = { size: number; read: (view: DataView, at: number) => number };

/** Little-endian elements of `raw_data`. */
const RAW: Readonly<Record<number, Reading>> = {
  [FLOAT]: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  [UINT8]: { size: 1, read: (view, at) => view.getUint8(at) },
  [INT32]: { size: 4, read: (view, at) => view.getInt32(at, true) },
  [INT64]: { size: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  [BOOL]: { size: 1, read: (view, at) => view.getUint8(at) },
  [DOUBLE]: { size: 8, read: (view, at) => view.getFloat64(at, true) },
};

function readTyped(tensor: TensorProto): number[] {
  switch (tensor.dataType) {
    case FLOAT:
      return tensor.floatData;
    case DOUBLE:
      return tensor.doubleData;
    case INT64:
      return tensor.int64Data.map(Number);
    default:
      return tensor.int32Data;
  }
}

function readRaw(tensor: TensorProto, reading: Reading, where: string): number[] {
  const { rawData } = tensor;
  if (rawData.length % reading.size !== 0) {
    throw new LimenError("input", `ONNX: ${where}: the data is cut short`);
  }
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  const count = rawData.length / reading.size;
  return Array.from({ length: count }, (_, at) => reading.read(view, at * reading.size));
}

/** The values of a tensor, from `raw_data` or the typed lists. */
export function readTensor(tensor: TensorProto, where: string): Tensor {
  const dims = tensor.dims.map(Number);
  if (tensor.dataType === STRING) {
    const texts = tensor.stringData.map((text) => new TextDecoder().decode(text));
    return { dims, values: [], texts };
  }
  const reading = RAW[tensor.dataType];
  if (!reading) {
    throw new LimenError("refused", `ONNX: ${where}: element type ${tensor.dataType} is not read`);
  }
  const values = tensor.rawData.length > 0 ? readRaw(tensor, reading, where) : readTyped(tensor);
  const expected = dims.reduce((product, dim) => product * dim, 1);
  if (values.length !== expected) {
    throw new LimenError("input", `ONNX: ${where}: ${values.length} values for ${expected} places`);
  }
  return { dims, values };
}
