/** An emotion's colour and marker: those of the report (`emovox.report.style`), by its place among the labels. */

export const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#B8629A", "#BC8200", "#2E93CC"];

/** Circle, square, diamond, triangle, turned triangle, plus; in a box from -1 to 1. */
const MARKERS = [
  "M-.85 0a.85 .85 0 1 0 1.7 0a.85 .85 0 1 0-1.7 0z",
  "M-.75-.75h1.5v1.5h-1.5z",
  "M0-1L1 0L0 1L-1 0z",
  "M0-.9L.95 .8H-.95z",
  "M0 .9L.95-.8H-.95z",
  "M-.3-.9h.6v.6h.6v.6h-.6v.6h-.6v-.6h-.6v-.6h.6z",
];

export interface Mark {
  colour: string;
  path: string;
}

/** Labels beyond the sixth take a colour for the second time, with another marker. */
export function markOf(place: number): Mark {
  const count = COLOURS.length;
  return { colour: COLOURS[place % count], path: MARKERS[(place + Math.floor(place / count)) % count] };
}
