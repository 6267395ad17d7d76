// What the filter uses of AssemblyScript, for tsc and editors only; the compiler has its own. The
// declarations that come with the compiler do not pass the TypeScript of this project.

declare type bool = boolean;
declare type u8 = number;
declare type u16 = number;
declare type i32 = number;
declare type u32 = number;
declare type i64 = number;
declare type u64 = number;
declare type usize = number;
declare type f32 = number;
declare type f64 = number;

declare const f32: { readonly NaN: number };
declare const i32: { readonly MAX_VALUE: number };
declare const F32: { isNaN(value: number): boolean };
declare const F64: { isFinite(value: number): boolean };
declare const memory: {
  data<T = u8>(sizeOrValues: number | number[], align?: number): usize;
  copy(to: usize, from: usize, length: number): void;
  fill(at: usize, value: number, length: number): void;
};

declare function load<T>(at: usize, offset?: number): T;
declare function store<T>(at: usize, value: T, offset?: number): void;
declare function changetype<T>(value: unknown): T;
declare function rotl<T>(value: T, bits: number): T;
declare function abs<T = number>(value: T): T;
declare function min<T = number>(one: T, other: T): T;
declare function max<T = number>(one: T, other: T): T;
declare function unreachable(): never;
