// Renders this server's own OpenAPI document. Loads nothing from other sites.

const METHODS = ['get', 'post', 'put', 'patch', 'delete']
/** Schemas nested deeper are shown by name only. */
const DEPTH_MAX = 6

const main = document.getElementById('calls')
const state = document.getElementById('state')

/** Creates an element; string children become text nodes, never markup. */
function el(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value)
  }
  element.append(...children.filter((child) => child !== undefined && child !== null))
  return element
}

/** Renders text; parts in backticks become code. */
function prose(text = '') {
  const parts = text.split('`')
  return el('span', {}, ...parts.map((part, index) => (index % 2 ? el('code', {}, part) : part)))
}

function start(api) {
  const schemas = api.components?.schemas ?? {}
  const named = (ref) => ref.split('/').pop()

  function resolve(schema) {
    return schema?.$ref ? { ...schemas[named(schema.$ref)], ...withoutRef(schema) } : schema ?? {}
  }

  function withoutRef({ $ref, ...rest }) {
    return rest
  }

  /** Short description of a schema's type and limits. */
  function kindOf(schema = {}) {
    if (schema.$ref) return named(schema.$ref)
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
    if (schema.oneOf) return schema.oneOf.map(kindOf).join(' | ')
    if (schema.allOf) return schema.allOf.map(kindOf).join(' & ')
    const types = [].concat(schema.type ?? 'any')
    const words = types.map((type) => (type === 'array' ? `${kindOf(schema.items)}[]` : type))
    const format = schema.format && !/^(u?int|double)/.test(schema.format) ? ` (${schema.format})` : ''
    return words.join(' | ') + format
  }

  function limitsOf(schema = {}) {
    const { minimum, maximum, minLength, maxLength, pattern } = schema
    const range = (low, high, unit) =>
      low !== undefined && high !== undefined ? `${low}–${high}${unit}` : high !== undefined ? `≤ ${high}${unit}` : undefined
    const said = [range(minimum, maximum, ''), range(minLength, maxLength, ' characters'), pattern]
    if (schema.default !== undefined) said.push(`otherwise ${JSON.stringify(schema.default)}`)
    return said.filter(Boolean).join(', ')
  }

  /** All fields of an object, including those of its `allOf` parts. */
  function fieldsOf(schema) {
    const whole = resolve(schema)
    const parts = (whole.allOf ?? []).map(fieldsOf)
    const needed = new Set([...(whole.required ?? []), ...parts.flatMap((part) => [...part.needed])])
    const properties = Object.assign({}, ...parts.map((part) => part.properties), whole.properties)
    return { needed, properties }
  }

  /** The schema with the fields: for a list its items, for a nullable schema the schema itself. */
  function innerOf(schema) {
    const whole = resolve(schema)
    if (whole.items) return innerOf(whole.items)
    const one = whole.oneOf?.filter((part) => part.type !== 'null')
    if (one?.length === 1) return innerOf(one[0])
    if (whole.additionalProperties?.$ref) return innerOf(whole.additionalProperties)
    return whole
  }

  function drawFields(schema, depth = 0) {
    const { needed, properties } = fieldsOf(innerOf(schema))
    const entries = Object.entries(properties)
    if (!entries.length || depth > DEPTH_MAX) return null
    return el('ul', { class: 'fields' }, ...entries.map(([name, field]) => drawField(name, field, needed.has(name), depth)))
  }

  function drawField(name, field, isNeeded, depth) {
    const whole = resolve(field)
    const inner = innerOf(field)
    const values = inner.enum ? el('div', { class: 'note' }, kindOf(inner)) : null
    const limits = limitsOf(whole)
    const line = el(
      'span', {},
      el('code', {}, name), isNeeded ? el('span', { class: 'needed', title: 'always there' }, ' *') : '', ' ',
      el('span', { class: 'note' }, kindOf(field), limits ? ` · ${limits}` : ''), ' ', prose(whole.description),
    )
    const below = drawFields(field, depth + 1)
    if (!below) return el('li', {}, line, values)
    return el('li', {}, el('details', {}, el('summary', {}, line), below))
  }

  /** An example value of a schema, from the examples in the document. */
  function exampleOf(schema, depth = 0) {
    const whole = resolve(schema)
    if (whole.example !== undefined) return whole.example
    if (whole.default !== undefined) return whole.default
    if (whole.enum) return whole.enum[0]
    if (depth > DEPTH_MAX) return null
    if (whole.oneOf) return exampleOf(whole.oneOf.find((part) => part.type !== 'null'), depth + 1)
    const types = [].concat(whole.type ?? [])
    if (whole.allOf || whole.properties) {
      const { properties } = fieldsOf(whole)
      return Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, exampleOf(field, depth + 1)]))
    }
    if (types.includes('array')) return [exampleOf(whole.items, depth + 1)]
    if (whole.additionalProperties) return { standard: exampleOf(whole.additionalProperties, depth + 1) }
    if (types.includes('null')) return null
    if (whole.format === 'date-time') return '2026-11-23T12:30:00Z'
    if (whole.format === 'date') return '2026-11-23'
    if (types.includes('integer') || types.includes('number')) return whole.minimum ?? 1
    if (types.includes('boolean')) return true
    return types.includes('string') ? '…' : {}
  }

  function drawContent(content = {}) {
    return Object.entries(content).map(([type, { schema }]) => {
      const isJson = type.endsWith('json') && (innerOf(schema).properties || innerOf(schema).allOf)
      const example = isJson && el('details', {}, el('summary', {}, 'Example'), el('pre', {}, JSON.stringify(exampleOf(schema), null, 2)))
      return el('div', {}, el('code', {}, type), ' ', el('span', { class: 'note' }, kindOf(schema)), drawFields(schema), example || null)
    })
  }

  function drawParameters(parameters = []) {
    if (!parameters.length) return null
    const rows = parameters.map((parameter) =>
      el(
        'tr', {},
        el('td', {}, el('code', {}, parameter.name), parameter.required ? el('span', { class: 'needed' }, ' *') : ''),
        el('td', {}, parameter.in), el('td', { class: 'note' }, kindOf(parameter.schema), ' ', limitsOf(parameter.schema)),
        el('td', {}, prose(parameter.description)),
      ),
    )
    return el('div', {}, el('h4', {}, 'Parameters'), el('table', {}, el('tbody', {}, ...rows)))
  }

  function drawBody(body) {
    if (!body) return null
    return el('div', {}, el('h4', {}, body.required === false ? 'Body, if there is one' : 'Body'), ...drawContent(body.content))
  }

  function drawAnswers(responses) {
    const rows = Object.entries(responses).map(([status, response]) => {
      const isProblem = Number(status) >= 400
      const shape = isProblem ? linkCodes(response.description) : el('div', {}, prose(response.description), ...drawContent(response.content))
      return el('tr', {}, el('td', {}, el('code', {}, status)), el('td', {}, shape))
    })
    return el('div', {}, el('h4', {}, 'Answers'), el('table', {}, el('tbody', {}, ...rows)))
  }

  function linkCodes(text = '') {
    const parts = text.split('`')
    return el('span', {}, ...parts.map((part, index) => (index % 2 ? el('a', { href: `#${part}` }, el('code', {}, part)) : part)))
  }

  function drawCall(path, method, call) {
    const who = path.startsWith('/api/admin') ? 'administrators' : call.security ? 'signed in' : ''
    return el(
      'article', { id: call.operationId, 'data-words': `${method} ${path} ${call.summary} ${call.operationId}`.toLowerCase() },
      el('h3', {}, el('span', { class: `method ${method}` }, method), el('code', { class: 'path' }, path), el('span', { class: 'who' }, who)),
      el('p', {}, prose(call.summary), call.description ? el('span', {}, '. ', prose(call.description)) : ''),
      drawParameters(call.parameters), drawBody(call.requestBody), drawAnswers(call.responses),
    )
  }

  function drawCodes(codes) {
    const rows = codes.map(({ code, status, title }) =>
      el('tr', { id: code }, el('td', {}, el('code', {}, code)), el('td', {}, String(status)), el('td', {}, title)),
    )
    const about = el('p', {}, 'Every refusal is ', el('code', {}, 'application/problem+json'), ' with these fields:')
    const table = el('table', {}, el('tbody', {}, ...rows))
    return el('section', { id: 'codes' }, el('h2', {}, 'Codes'), about, drawFields({ $ref: '#/components/schemas/Problem' }), table)
  }

  const groups = new Map()
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((method) => item[method])) {
      const call = item[method]
      const tag = call.tags?.[0] ?? 'Others'
      groups.set(tag, [...(groups.get(tag) ?? []), { path, method, call }])
    }
  }
  document.getElementById('title').textContent = `${api.info.title} ${api.info.version}`
  document.getElementById('about').textContent = api.info.description
  state.remove()
  const index = document.getElementById('index')
  // Calls for administrators come last.
  const forEverybody = (tag) => !tag.startsWith('For administrators')
  const inOrder = [...groups].sort(([a], [b]) => forEverybody(b) - forEverybody(a))
  for (const [tag, calls] of inOrder) {
    main.append(el('section', {}, el('h2', {}, tag), ...calls.map(({ path, method, call }) => drawCall(path, method, call))))
    const links = calls.map(({ path, method, call }) =>
      el('li', { 'data-call': call.operationId }, el('a', { href: `#${call.operationId}` }, el('span', { class: `method ${method}` }, method), ' ', path)),
    )
    index.append(el('div', {}, el('h2', {}, tag), el('ul', {}, ...links)))
  }
  main.append(drawCodes(schemas.ErrorCode?.['x-codes'] ?? []))
  index.append(el('div', {}, el('h2', {}, 'Refusals'), el('ul', {}, el('li', {}, el('a', { href: '#codes' }, 'Codes')))))

  document.getElementById('find').addEventListener('input', ({ target }) => {
    const words = target.value.toLowerCase().split(/\s+/).filter(Boolean)
    for (const article of main.querySelectorAll('article')) {
      const isFound = words.every((word) => article.dataset.words.includes(word))
      article.hidden = !isFound
      index.querySelector(`[data-call="${article.id}"]`).hidden = !isFound
    }
  })
  // The target of the URL's fragment did not exist yet when the browser loaded the page.
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView()
}

fetch('/api/openapi.json')
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`status ${answer.status}`))))
  .then(start)
  .catch((error) => (state.textContent = `The document could not be read: ${error.message}`))
