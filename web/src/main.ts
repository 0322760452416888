import { PiniaColada } from '@pinia/colada'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './features/shell/App.vue'
import { i18n, initialLanguage, setLanguage } from './i18n'
import { prepareToasts } from './lib/notify'
import { keepPresses } from './lib/steadyPress'
import { router } from './router'
import './styles/main.css'

/** The page preloads the toasts after this time at the latest. */
const TOASTS_WITHIN_MS = 1_000

const app = createApp(App)
app.use(createPinia())
app.use(PiniaColada, { queryOptions: { staleTime: 5_000 } })
app.use(router)
app.use(i18n)

await setLanguage(initialLanguage())
app.mount('#app')
keepPresses(document)
// Preloads the toasts when the page is idle, and soon on a busy device, too: the first one may say that the network is gone. Not
// every browser supports requestIdleCallback.
if ('requestIdleCallback' in window) requestIdleCallback(prepareToasts, { timeout: TOASTS_WITHIN_MS })
else setTimeout(prepareToasts)
