// Runs before the first paint, so that no page flashes in the other theme and a screen reader starts in the right language.
// A separate file, because the page's Content-Security-Policy forbids inline scripts. Without a stored choice nothing is set:
// the style sheet and the meta elements then follow the device.
;(function () {
  try {
    var page = document.documentElement
    var theme = localStorage.getItem('theme')
    if (theme === 'light' || theme === 'dark') {
      page.dataset.theme = theme
      document.querySelector('meta[name="color-scheme"]').content = theme
      document.querySelectorAll('meta[name="theme-color"]').forEach(function (meta) {
        meta.media = meta.dataset.theme === theme ? 'all' : 'not all'
      })
    }
    var saved = localStorage.getItem('language')
    var wanted = saved || (navigator.languages || [navigator.language]).join(',')
    page.lang = /^th/i.test(wanted) ? 'th' : 'en'
  } catch {
    // Storage may be forbidden; the defaults in the document apply.
  }
})()
