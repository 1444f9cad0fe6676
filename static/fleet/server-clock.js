// What time it is at the server: a phone's own clock may be minutes off, and countdowns would be too.

const CLOSE_MS = 2000; // the server's date has no fraction of a second

let ahead_ms = 0;

/** @param {string | null} date an HTTP date of the server, which other origins may not read */
export function noteServerDate(date) {
  const difference = date ? Date.parse(date) - Date.now() : 0;
  ahead_ms = Math.abs(difference) > CLOSE_MS ? difference : 0;
}

export function serverNow() {
  return Date.now() + ahead_ms;
}
