import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'
import type { MapFrame, SeatChange } from './frames'
import { EMPTY_MAP, applyFrame, applyLoaded, type LiveMap, type Step } from './liveMap'
import type { ConnectionState } from './watch'

/** The seat map and connection state of each subscribed screening. Pages read them through computed values and never copy them. */
export const useSeatStore = defineStore('seats', () => {
  const maps = shallowReactive(new Map<string, LiveMap>())
  const connections = shallowReactive(new Map<string, ConnectionState>())

  const mapOf = (screeningId: string): LiveMap => maps.get(screeningId) ?? EMPTY_MAP

  function keep(screeningId: string, step: Step): Step {
    if (step.verdict === 'applied') maps.set(screeningId, step.map)
    return step
  }

  return {
    mapOf,
    connectionOf: (screeningId: string): ConnectionState => connections.get(screeningId) ?? 'connecting',
    setConnection: (screeningId: string, state: ConnectionState) => void connections.set(screeningId, state),
    loaded: (screeningId: string, seq: number, seats: readonly SeatChange[]): Step =>
      keep(screeningId, applyLoaded(mapOf(screeningId), seq, seats)),
    heard: (screeningId: string, frame: MapFrame): Step =>
      keep(screeningId, applyFrame(mapOf(screeningId), frame)),
    /** Removes the seat map of a screening, so that the next visit does not start with an outdated one. */
    forget(screeningId: string): void {
      maps.delete(screeningId)
      connections.delete(screeningId)
    },
  }
})
