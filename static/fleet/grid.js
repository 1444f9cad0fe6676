// How tiles fill a window. Pure: sizes in, sizes out, all in CSS pixels.

/**
 * @typedef {object} Arrangement
 * @property {number} columns
 * @property {number} rows
 * @property {number} height of one tile
 * @property {number} text size of a tile's words
 * @property {boolean} narrow whether a tile's words need two lines
 * @property {boolean} scrolls whether the window is too small for all of them
 */

const RATIO = 16 / 9;
const GAP = 8;
const SMALLEST = 168; // a picture narrower than this shows nobody
const NARROW = 340;
const EMPTY = 0.3; // some of the size is given up for rows that are full

/**
 * The columns that give the largest pictures, and equal tiles.
 * @param {number} count of tiles
 * @param {number} width of the window
 * @param {number} height of the window
 * @param {number} unit CSS pixels per drawn unit: the page's text is larger on a wall screen
 * @returns {Arrangement}
 */
export function arrange(count, width, height, unit) {
  let best = { columns: 1, picture: 0, worth: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const wide = (width - GAP * (columns - 1)) / columns;
    const tall = (height - GAP * (rows - 1)) / rows;
    const picture = Math.min(wide, (tall - strip(wide, unit)) * RATIO);
    const worth = picture * (1 - EMPTY * (1 - count / (rows * columns)));
    if (worth > best.worth + 0.5) best = { columns, picture, worth };
  }
  const scrolls = best.picture < Math.min(SMALLEST * unit, width);
  const columns = scrolls ? Math.max(1, Math.floor((width + GAP) / (SMALLEST * unit + GAP))) : best.columns;
  const rows = Math.max(1, Math.ceil(count / columns));
  const wide = (width - GAP * (columns - 1)) / columns;
  const most = wide / RATIO + strip(wide, unit);
  const tall = scrolls ? most : Math.min((height - GAP * (rows - 1)) / rows, most);
  return { columns, rows, height: Math.floor(tall), text: textSize(wide, unit), narrow: wide < NARROW * unit, scrolls };
}

/** A tile's words grow with it: a wall is read from three metres. @param {number} wide @param {number} unit */
function textSize(wide, unit) {
  return Math.min(Math.max(wide * 0.036, 13 * unit), 28 * unit);
}

/** The height of the words under the picture. @param {number} wide @param {number} unit */
function strip(wide, unit) {
  return textSize(wide, unit) * (wide < NARROW * unit ? 3 : 1.9);
}
