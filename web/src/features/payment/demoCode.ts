/**
 * Returns the drawing of a payment code with its words in the page's language. The server draws the English words over every code
 * of the demo, in one `text` element, for all clients; only the page knows the language in which it is being read.
 */
export function withWords(svg: string, words: string): string {
  const drawing = new DOMParser().parseFromString(svg, 'image/svg+xml')
  if (drawing.querySelector('parsererror') !== null) return svg
  for (const text of drawing.querySelectorAll('text')) text.textContent = words
  return new XMLSerializer().serializeToString(drawing)
}
