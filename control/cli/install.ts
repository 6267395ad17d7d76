import type { Command } from "commander";
import { addInstallEnvoy } from "./install-envoy.ts";
import { addInstallIstio } from "./install-istio.ts";
import { addInstallKafka } from "./install-kafka.ts";

/** `limen install`: everything goes to standard output, nothing is applied. */
export function addInstall(program: Command): void {
  const command = program
    .command("install")
    .description("print manifests, a bootstrap or topics; nothing is applied")
    .addHelpText(
      "after",
      "\nExamples:" +
        "\n  limen install istio -n shop --workload app=shop --use inbound | kubectl apply -f -" +
        "\n  limen install envoy --listen 0.0.0.0:8080 --upstream 127.0.0.1:3000 --xds 10.0.0.7:18000" +
        "\n  limen install kafka --brokers b1:9092,b2:9092 --replication 3",
    );
  addInstallIstio(command);
  addInstallEnvoy(command);
  addInstallKafka(command);
}
