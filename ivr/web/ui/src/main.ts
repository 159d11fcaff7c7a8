import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import App from './App.vue'
import { whenUnauthenticated } from './api/client'
import { nameDocument, router } from './router'
import { useSession } from './stores/session'
import { language } from './text'
import './styles/element'
import './styles/tokens.css'
import './styles/page.css'

const app = createApp(App).use(createPinia()).use(router)

whenUnauthenticated(() => {
  useSession().forget()
  const here = router.currentRoute.value
  if (here.name !== 'login') void router.replace({ name: 'login', query: { next: here.fullPath, reason: 'ended' } })
})

watch([router.currentRoute, language], ([to, spoken]) => nameDocument(to, spoken))
app.mount('#app')
