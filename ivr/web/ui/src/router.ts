import { createRouter, createWebHistory, type RouteLocationNormalized } from 'vue-router'
import { Problem } from './api/client'
import { useSession } from './stores/session'
import { t, type Language } from './text'
import type { MessageKey } from './text/zh'

declare module 'vue-router' {
  interface RouteMeta {
    title?: MessageKey
    open?: boolean
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', name: 'login', component: () => import('./rooms/LoginRoom.vue'), meta: { title: 'login.title', open: true } },
    { path: '/second-factor', name: 'enrol', component: () => import('./rooms/EnrolRoom.vue'), meta: { title: 'account.factor' } },
    { path: '/wall', name: 'wall', component: () => import('./rooms/WallRoom.vue'), meta: { title: 'nav.wall' } },
    {
      path: '/',
      component: () => import('./rooms/AppShell.vue'),
      children: [
        { path: '', name: 'floor', component: () => import('./rooms/FloorRoom.vue'), meta: { title: 'nav.floor' } },
        { path: 'desk', name: 'desk', component: () => import('./rooms/DeskRoom.vue'), meta: { title: 'nav.desk' } },
        { path: 'supervisor', name: 'supervisor', component: () => import('./rooms/SupervisorRoom.vue'), meta: { title: 'nav.supervisor' } },
        { path: 'quality', name: 'quality', component: () => import('./rooms/QualityRoom.vue'), meta: { title: 'nav.quality' } },
        { path: 'knowledge', name: 'knowledge', component: () => import('./rooms/KnowledgeRoom.vue'), meta: { title: 'nav.knowledge' } },
        { path: 'tasks', name: 'tasks', component: () => import('./rooms/TasksRoom.vue'), meta: { title: 'nav.tasks' } },
        { path: 'day', name: 'day', component: () => import('./rooms/DayRoom.vue'), meta: { title: 'nav.day' } },
        { path: 'roster', name: 'roster', component: () => import('./rooms/RosterRoom.vue'), meta: { title: 'nav.roster' } },
        { path: 'calls', name: 'calls', component: () => import('./rooms/CallsRoom.vue'), meta: { title: 'nav.calls' } },
        { path: 'calls/:id', name: 'call', component: () => import('./rooms/CallRoom.vue'), props: true, meta: { title: 'nav.calls' } },
        { path: 'orders', name: 'orders', component: () => import('./rooms/OrdersRoom.vue'), meta: { title: 'nav.orders' } },
        { path: 'orders/:number', name: 'order', component: () => import('./rooms/OrderRoom.vue'), props: true, meta: { title: 'nav.orders' } },
        { path: 'dispatch', name: 'dispatch', component: () => import('./rooms/DispatchRoom.vue'), meta: { title: 'nav.dispatch' } },
        { path: 'analysis', name: 'analysis', component: () => import('./rooms/AnalysisRoom.vue'), meta: { title: 'nav.analysis' } },
        { path: 'devices', name: 'devices', component: () => import('./rooms/DevicesRoom.vue'), meta: { title: 'nav.devices' } },
        { path: 'retention', name: 'retention', component: () => import('./rooms/RetentionRoom.vue'), meta: { title: 'nav.retention' } },
        { path: 'account', name: 'account', component: () => import('./rooms/AccountRoom.vue'), meta: { title: 'nav.account' } },
        { path: ':rest(.*)*', name: 'nowhere', component: () => import('./rooms/NowhereRoom.vue'), meta: { title: 'state.noPage' } },
      ],
    },
  ],
})

/** Where to go after signing in: only a path of this page, never another site. */
export function nextPath(to: RouteLocationNormalized): string {
  const next = to.query['next']
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/'
}

/** Take a one-time ticket out of the address bar and the history before anything else is done with it. */
function takeTicket(to: RouteLocationNormalized): string | null {
  const ticket = to.query['ticket']
  if (typeof ticket !== 'string' || !ticket) return null
  const address = new URL(window.location.href)
  address.searchParams.delete('ticket')
  window.history.replaceState(window.history.state, '', address)
  return ticket
}

router.beforeEach(async (to) => {
  const session = useSession()
  const ticket = takeTicket(to)
  if (ticket) {
    const target = to.name === 'login' ? nextPath(to) : { path: to.path, query: { ...to.query, ticket: undefined } }
    try {
      await session.signIn({ ticket })
      return typeof target === 'string' ? { path: target, replace: true } : { ...target, replace: true }
    } catch (error) {
      if (error instanceof Problem && error.code === 'code_needed') {
        session.ticket = ticket
        return { name: 'login', query: { next: typeof target === 'string' ? target : to.path }, replace: true }
      }
      const reason = error instanceof Problem && error.status === 0 ? 'network' : 'ticket'
      return { name: 'login', query: { reason }, replace: true }
    }
  }
  try {
    const user = await session.know()
    if (!user && !to.meta.open) return { name: 'login', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
    if (user && to.name === 'login') return nextPath(to)
    if (user && session.mustEnrol && to.name !== 'enrol') return { name: 'enrol', query: { next: to.fullPath }, replace: true }
    if (user && !session.mustEnrol && to.name === 'enrol') return nextPath(to)
    if (session.onlyOwn && to.name === 'floor') return { name: 'orders', replace: true }
  } catch {
    if (!to.meta.open) return { name: 'login', query: { next: to.fullPath, reason: 'network' } }
  }
  return true
})

export function nameDocument(to: RouteLocationNormalized, _language: Language): void {
  document.title = to.meta.title ? `${t(to.meta.title)} · ${t('app.name')}` : t('app.name')
}
