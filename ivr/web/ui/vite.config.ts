import { defineConfig } from 'vitest/config'
import vue from '@vitejs/plugin-vue'

/** One build for the web server to hand out: hashed files under /assets, one index.html, nothing inlined (strict CSP). */
export default defineConfig({
  plugins: [vue()],
  // The server puts a fresh nonce in its place on every answer; wavesurfer's shadow style needs it (src/csp.ts).
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    outDir: '../static',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: ['chrome109', 'firefox115', 'safari16'],
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'vue', test: /node_modules[\\/](@vue|vue|vue-router|pinia)[\\/]/, priority: 20 },
            { name: 'wavesurfer', test: /node_modules[\\/]wavesurfer\.js[\\/]/, priority: 20 },
            { name: 'echarts', test: /node_modules[\\/]echarts[\\/]/, priority: 20 },
          ],
        },
      },
    },
  },
  server: { proxy: { '/api': { target: process.env['IVR_API'] ?? 'http://127.0.0.1:8090' } } },
  test: { include: ['tests/**/*.test.ts'] },
})
