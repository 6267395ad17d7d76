import { LimenError } from "../errors.ts";

/** Says what fails of one thing that is tried again and again: once, until it works or fails in
 * another way; and that it works again. */
type SayOnce = {
  failed(thrown: unknown): void;
  worked(): void;
};

/** `what` begins the line that it works again, and says what was done when the error does not. */
export function createSayOnce(what: string, say: (line: string) => void): SayOnce {
  let said = "";
  return {
    failed(thrown) {
      const { message } = LimenError.from(thrown, what);
      if (message !== said) say(message);
      said = message;
    },
    worked() {
      if (said !== "") say(`${what}: works again`);
      said = "";
    },
  };
}
