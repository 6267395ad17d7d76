/** HOST:PORT that no other machine reaches; anything else waits until listeners check who calls. */
export const LOOPBACK_ADDRESS = /^(127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})$/;
