// Zones and masks while they are drawn: every step can be taken back. Pure: places are fractions of the picture.

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").Polygon} Polygon */
/** @typedef {"zone" | "mask"} Kind */
/** @typedef {{ kind: Kind, points: Polygon }} Area */

export const FEWEST = 3;
const DIGITS = 10_000;

export class Areas {
  /** @type {Area[][]} */
  #past = [];
  #saved = "";
  /** @type {Area[]} */
  list = [];

  /** @param {Polygon[]} zones @param {Polygon[]} masks */
  constructor(zones, masks) {
    this.list = [...zones.map((points) => area("zone", points)), ...masks.map((points) => area("mask", points))];
    this.saved();
  }

  /** @param {Kind} kind @returns {Polygon[]} as the server takes them */
  of(kind) {
    return this.list.filter((one) => one.kind === kind).map(({ points }) => points.map(([x, y]) => [rounded(x), rounded(y)]));
  }

  /** Its number among its kind, from 1. @param {number} index */
  number(index) {
    return this.list.slice(0, index + 1).filter(({ kind }) => kind === this.list[index]?.kind).length;
  }

  get changed() {
    return this.#saved !== this.#state();
  }

  get undoable() {
    return this.#past.length > 0;
  }

  saved() {
    this.#saved = this.#state();
  }

  undo() {
    this.list = this.#past.pop() ?? this.list;
  }

  /** Before a step: what follows until the next is one thing to take back. */
  begin() {
    this.#past.push(this.list);
  }

  /** @param {Kind} kind @param {Polygon} points @returns {number} its index */
  add(kind, points) {
    this.begin();
    this.list = [...this.list, area(kind, points)];
    return this.list.length - 1;
  }

  /** @param {number} index */
  remove(index) {
    this.begin();
    this.list = this.list.filter((_, place) => place !== index);
  }

  /** @param {number} index @param {number} corner @param {Point} point */
  move(index, corner, point) {
    this.#change(index, (points) => points.map((old, place) => (place === corner ? inside(point) : old)));
  }

  /** @param {number} index @param {number} after the corner before it @param {Point} point */
  insert(index, after, point) {
    this.begin();
    this.#change(index, (points) => [...points.slice(0, after + 1), inside(point), ...points.slice(after + 1)]);
  }

  /** @param {number} index @param {number} corner @returns {boolean} an area keeps three corners */
  removeCorner(index, corner) {
    if ((this.list[index]?.points.length ?? 0) <= FEWEST) return false;
    this.begin();
    this.#change(index, (points) => points.filter((_, place) => place !== corner));
    return true;
  }

  /** @param {number} index @param {(points: Polygon) => Polygon} step */
  #change(index, step) {
    this.list = this.list.map((one, place) => (place === index ? { ...one, points: step(one.points) } : one));
  }

  /** The topmost area at a point. @param {Point} point @returns {number | null} */
  under(point) {
    const found = this.list.map(({ points }) => contains(point, points)).lastIndexOf(true);
    return found < 0 ? null : found;
  }

  #state() {
    return JSON.stringify([this.of("zone"), this.of("mask")]);
  }
}

/** @param {Kind} kind @param {Polygon} points @returns {Area} */
function area(kind, points) {
  return { kind, points: points.map(inside) };
}

/** @param {Point} point @returns {Point} */
export function inside([x, y]) {
  return [Math.min(Math.max(x, 0), 1), Math.min(Math.max(y, 0), 1)];
}

/** @param {number} value */
function rounded(value) {
  return Math.round(value * DIGITS) / DIGITS;
}

/** The middle of each side, from its corner to the next. @param {Polygon} points @returns {Point[]} */
export function middles(points) {
  return points.map(([x, y], index) => {
    const [x2, y2] = points[(index + 1) % points.length] ?? [x, y];
    return [(x + x2) / 2, (y + y2) / 2];
  });
}

/**
 * @param {Point[]} places
 * @param {Point} point
 * @param {number} reach
 * @param {(a: Point, b: Point) => number} distance
 * @returns {number | null} which is nearest, where any is within reach
 */
export function nearest(places, point, reach, distance) {
  const distances = places.map((place) => distance(place, point));
  const least = Math.min(...distances);
  return least <= reach ? distances.indexOf(least) : null;
}

/** Whether a point lies in a polygon, by the crossings of a ray. @param {Point} point @param {Polygon} polygon */
function contains([x, y], polygon) {
  let within = false;
  polygon.forEach(([x1, y1], index) => {
    const [x2, y2] = polygon.at(index - 1) ?? [x1, y1];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  });
  return within;
}
