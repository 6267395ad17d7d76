/** HOST:PORT that no other machine reaches; anything else wants the settings `auth`. */
export const LOOPBACK_ADDRESS = /^(127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})$/;
