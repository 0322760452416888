import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keepPresses } from './steadyPress'

let stop: () => void
let pressed: string[]

beforeEach(() => {
  document.body.innerHTML = '<main><div id="list"><button id="a"><span id="in-a">A</span></button><button id="b">B</button></div></main>'
  pressed = []
  for (const id of ['a', 'b', 'list']) {
    document.getElementById(id)!.addEventListener('click', (event) => event.currentTarget === (event.target as Element).closest(`#${id}`) && pressed.push(id))
  }
  stop = keepPresses(document)
})
afterEach(() => stop())

const at = (id: string) => document.getElementById(id)!
const down = (id: string, x = 5, more = {}) => at(id).dispatchEvent(new PointerEvent('pointerdown', { bubbles: true, isPrimary: true, clientX: x, clientY: 5, ...more }))
const click = (id: string, x = 5) => at(id).dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, clientX: x, clientY: 5 }))

describe('a press', () => {
  it('a click on an ancestor is redirected to the pressed element when the layout has moved', () => {
    down('in-a')
    click('list')
    expect(pressed).toEqual(['a', 'list'])
  })

  it('a press counts once when the layout has not moved', () => {
    down('in-a')
    click('in-a')
    expect(pressed).toEqual(['a', 'list'])
  })

  it('a press is cancelled by moving the pointer away before the release', () => {
    down('a')
    click('list', 30)
    expect(pressed).toEqual(['list'])
  })

  it('a press is cancelled by a second finger or a scroll', () => {
    down('a')
    down('b', 5, { isPrimary: false })
    click('list')
    down('a')
    at('a').dispatchEvent(new PointerEvent('pointercancel', { bubbles: true }))
    click('list')
    expect(pressed).toEqual(['list', 'list'])
  })

  it('a click is not redirected from an unrelated element or to a removed element', () => {
    down('a')
    click('b')
    down('a')
    at('a').remove()
    click('list')
    expect(pressed).toEqual(['b', 'list', 'list'])
  })
})
