import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

/** The address of the API, for the development server only; in production one program serves both. */
const SERVER = process.env.SEATKEEPER_DEV_SERVER ?? 'http://127.0.0.1:8080'

/** Rewrites host and origin, because the server refuses others, and rewrites redirects to its own address. */
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
      // The demo's posters are files of the page; uploaded ones have no extension and are stored by the server.
      '^/posters/[^./]+$': toServer,
    },
  },
  build: {
    // Fonts and images stay files, because the Content-Security-Policy does not allow data: fonts.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
  },
})
