import { shallowRef } from 'vue'
import { createRouter, createWebHistory, START_LOCATION } from 'vue-router'
import HomePage from './features/programme/HomePage.vue'
import { i18n } from './i18n'
import { notify } from './lib/notify'

const admin = () => import('./features/admin/AdminLayout.vue')

/** All routes; `PAGE_ROUTES` of the server lists the same paths, and answers others with 404. Only the front page is in the first chunk; every other page is loaded on demand. */
export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', component: HomePage, meta: { title: 'movies.title' } },
    { path: '/movies/:id', component: () => import('./features/programme/MoviePage.vue'), props: true, meta: { title: 'movies.title' } },
    { path: '/screenings/:id', component: () => import('./features/seating/ScreeningPage.vue'), props: true, meta: { title: 'seats.tab' } },
    { path: '/pay/:id', component: () => import('./features/payment/PaymentPage.vue'), props: true, meta: { title: 'payment.title' } },
    { path: '/bookings', component: () => import('./features/bookings/BookingsPage.vue'), meta: { title: 'bookings.title' } },
    { path: '/bookings/:id', component: () => import('./features/bookings/BookingPage.vue'), props: true, meta: { title: 'bookings.title' } },
    { path: '/sign-in', component: () => import('./features/account/SignInPage.vue'), meta: { title: 'account.title' } },
    {
      path: '/admin',
      component: admin,
      meta: { title: 'nav.admin' },
      children: [
        { path: '', component: () => import('./features/admin/overview/OverviewPage.vue') },
        { path: 'bookings', component: () => import('./features/admin/bookings/AdminBookingsPage.vue') },
        { path: 'movies', component: () => import('./features/admin/programme/MoviesPage.vue') },
        { path: 'halls', component: () => import('./features/admin/programme/HallsPage.vue') },
        { path: 'screenings', component: () => import('./features/admin/programme/ScreeningsPage.vue') },
        { path: 'audit', component: () => import('./features/admin/logs/AuditPage.vue') },
        { path: 'events', component: () => import('./features/admin/logs/EventsPage.vue') },
        { path: 'mail', component: () => import('./features/admin/logs/MailPage.vue') },
      ],
    },
    { path: '/:rest(.*)*', component: () => import('./features/shell/NotFoundPage.vue'), meta: { title: 'not_found.tab' } },
  ],
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? {} : { top: 0 }),
})

/** The first route of the visit if its chunk could not be loaded, else null. */
export const unopened = shallowRef<string | null>(null)

// A chunk usually fails to load because an upgrade has replaced it: the page is then reloaded at the target route. The first
// route of a visit is not reloaded, because that could loop for ever.
router.onError(async (_, to, from) => {
  if (from === START_LOCATION) unopened.value = to.fullPath
  else if (await isThere(to.fullPath)) location.assign(to.fullPath)
  else void notify('error', i18n.global.t('problem.no_answer'))
})

const THERE_MS_MAX = 10_000

const SERVER_ERROR = 500

/**
 * Returns true if the server answers with a page, which it also does for an unknown path (404). Checked before a reload, which
 * would leave an empty window without a server.
 */
const isThere = (path: string) => fetch(path, { method: 'HEAD', signal: AbortSignal.timeout(THERE_MS_MAX) }).then(({ status }) => status < SERVER_ERROR, () => false)
