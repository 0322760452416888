import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

/** Where the API is, for the development server only; in production one program serves both. */
const SERVER = process.env.SEATKEEPER_DEV_SERVER ?? 'http://127.0.0.1:8080'

/** As if the page came from the server itself: it refuses other names and origins, and redirects to its own address. */
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
      // The demo's posters are files here; those that were uploaded have no extension and are kept by the server.
      '^/posters/[^./]+$': toServer,
    },
  },
  build: {
    // Fonts and pictures stay files: the page's content policy has no data: fonts.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
  },
})
