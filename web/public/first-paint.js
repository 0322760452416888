// Runs before the first paint, so that a light page never flashes dark and a screen reader starts in the right language.
// A separate file, because the page's Content-Security-Policy forbids inline scripts.
;(function () {
  try {
    var theme = localStorage.getItem('theme') || 'dark'
    if (theme === 'auto') theme = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark'
    document.documentElement.dataset.theme = theme === 'light' ? 'light' : 'dark'
    var saved = localStorage.getItem('language')
    var wanted = saved || (navigator.languages || [navigator.language]).join(',')
    document.documentElement.lang = /^th/i.test(wanted) ? 'th' : 'en'
  } catch {
    // Storage may be forbidden; the defaults in the document apply.
  }
})()
