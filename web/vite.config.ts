import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

/** The Seatkeeper server to which Vite's development server forwards API requests; in production it serves the page itself. */
const SERVER = process.env.SEATKEEPER_DEV_SERVER ?? 'http://127.0.0.1:8080'

/** A proxy rule that sets `Host` and `Origin`, because the server refuses other origins, and rewrites redirects of the server. */
const toServer = { target: SERVER, changeOrigin: true, autoRewrite: true, headers: { origin: SERVER } }

export default defineConfig({
  plugins: [vue(), tailwindcss()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': { ...toServer, ws: true },
      '/demo-idp': toServer,
      '/docs': toServer,
      // Posters of the demo are static files of the page; uploaded ones have no file extension and are served by the server.
      '^/posters/[^./]+$': toServer,
    },
  },
  build: {
    // Fonts and images are not inlined as data: URLs, because the Content-Security-Policy does not allow data: fonts.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    // Vitest replaces style sheets by empty files, except those whose colours are tested.
    css: { include: /styles\/\w+\.css/ },
  },
})
