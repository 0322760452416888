import { PiniaColada } from '@pinia/colada'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './features/shell/App.vue'
import { i18n, initialLanguage, setLanguage } from './i18n'
import { prepareToasts } from './lib/notify'
import { keepPresses } from './lib/steadyPress'
import { router } from './router'
import './styles/main.css'

const app = createApp(App)
app.use(createPinia())
app.use(PiniaColada, { queryOptions: { staleTime: 5_000 } })
app.use(router)
app.use(i18n)

await setLanguage(initialLanguage())
app.mount('#app')
keepPresses(document)
// Preloads the toasts when the page is idle; not every browser supports requestIdleCallback.
;(window.requestIdleCallback ?? setTimeout)(prepareToasts)
