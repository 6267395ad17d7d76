/** The mark of a score: its labels and its arm; state.ts draws the bits. */
const ID_FIRST = 16;
const ARM_SHIFT = 5;

/** The label a mark stands for. */
export function labelOf(mark: number, isCrowded: boolean): number {
  const [exact, byId] = [mark & 3, (mark >> 2) & 3];
  if (isCrowded) return exact || (byId > 0 ? 3 : 0);
  return (mark & ID_FIRST) !== 0 ? byId : exact || byId;
}

export const armOf = (mark: number): number => mark >> ARM_SHIFT;

/** The mark with one more label: the first of its kind stays. */
export function withLabel(mark: number, label: number, isExact: boolean): number {
  if (isExact) return (mark & 3) === 0 ? mark | label : mark;
  if (((mark >> 2) & 3) !== 0) return mark;
  return mark | (label << 2) | ((mark & 3) === 0 ? ID_FIRST : 0);
}

/** A mark without labels. */
export const markArm = (arm: number): number => arm << ARM_SHIFT;
