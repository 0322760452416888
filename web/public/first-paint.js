// Runs before the first paint, so that a light page never flashes dark and a screen reader starts in the right language.
// A file of its own because the page's content policy allows no inline script.
;(function () {
  try {
    var theme = localStorage.getItem('theme') || 'dark'
    if (theme === 'auto') theme = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark'
    document.documentElement.dataset.theme = theme === 'light' ? 'light' : 'dark'
    var saved = localStorage.getItem('language')
    var wanted = saved || (navigator.languages || [navigator.language]).join(',')
    document.documentElement.lang = /^th/i.test(wanted) ? 'th' : 'en'
  } catch {
    // Storage may be forbidden; the defaults in the document stand.
  }
})()
