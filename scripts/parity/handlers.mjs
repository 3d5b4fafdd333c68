// Reads cases as JSON lines and prints, for each, what Node's frameworks show a
// handler of it: a list of [reader, kind, text]. Kinds are name, value, number
// (compared as a number), file (a name whose directories are cut off), media.
// Nothing here knows Merlon; every line below is what a handler would write.
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { createRequire } from 'node:module'
import querystring from 'node:querystring'
import zlib from 'node:zlib'
import busboy from 'busboy'
import * as cookie from 'cookie'
import cookieParser from 'cookie-parser'
import express5 from 'express'
import qs from 'qs'

const express4 = createRequire(import.meta.url)('express4')
const any = () => true

class Seen {
  list = []
  add(reader, kind, text) {
    if (text !== '') this.list.push([reader, kind, text])
  }

  // walk adds every name and value below v.
  walk(reader, v) {
    switch (typeof v) {
      case 'string': return this.add(reader, 'value', v)
      case 'number': return this.add(reader, 'number', String(v))
      case 'boolean': return this.add(reader, 'value', String(v))
      case 'object':
        if (v === null) return
        if (Buffer.isBuffer(v)) return this.add(reader, 'value', v.toString())
        for (const key of Object.keys(v)) {
          if (!/^\d+$/.test(key)) this.add(reader, 'name', key) // an array's, or made by qs
          this.walk(reader, v[key])
        }
    }
  }

  // try adds what fn returns; a reader that throws shows nothing.
  try(reader, fn) {
    let v
    try { v = fn() } catch { return }
    this.walk(reader, v)
  }
}

// request turns an event into what an adapter hands a web framework: the query
// string, headers in lower case and the body's bytes.
function request(ev) {
  const headers = {}
  for (const [k, v] of Object.entries(ev.headers ?? {})) headers[k.toLowerCase()] = v
  for (const [k, v] of Object.entries(ev.multiValueHeaders ?? {})) headers[k.toLowerCase()] = v.join(k.toLowerCase() === 'cookie' ? '; ' : ', ')
  if (ev.cookies) headers.cookie = ev.cookies.join('; ')
  const alb = ev.requestContext?.elb !== undefined
  const encode = alb ? s => s : encodeURIComponent
  let query = ev.rawQueryString
  if (query === undefined) {
    const pairs = ev.multiValueQueryStringParameters ?? ev.queryStringParameters ?? {}
    query = Object.entries(pairs).flatMap(([k, vs]) => [vs].flat().map(v => encode(k) + '=' + encode(v))).join('&')
  }
  const body = Buffer.from(ev.body ?? '', ev.isBase64Encoded ? 'base64' : 'utf8')
  return { headers, query, body, path: ev.rawPath ?? ev.path ?? '/', alb }
}

// stream makes a request that a middleware can read.
function stream(r, body = r.body) {
  const req = Readable.from([body], { objectMode: false })
  return Object.assign(req, { method: 'POST', url: '/', headers: { ...r.headers, 'content-length': String(body.length) } })
}

async function middleware(seen, reader, mw, r) {
  const req = stream(r)
  const failed = await new Promise(resolve => mw(req, {}, resolve))
  if (failed) return
  seen.walk(reader, req.body)
}

const bodies = [['express 5', express5], ['express 4', express4]].map(([name, express]) => ({
  form: [
    [`${name} urlencoded extended`, express.urlencoded({ extended: true, type: any })],
    [`${name} urlencoded simple`, express.urlencoded({ extended: false, type: any })],
  ],
  json: [[`${name} json`, express.json({ strict: false, type: any })]],
  text: [[`${name} text`, express.text({ type: any })], [`${name} raw`, express.raw({ type: any })]],
})).reduce((a, b) => ({ form: [...a.form, ...b.form], json: [...a.json, ...b.json], text: [...a.text, ...b.text] }))
bodies.form.push(['express 5 urlencoded, entities and sentinel', express5.urlencoded({
  extended: true, type: any, charsetSentinel: true, interpretNumericEntities: true, defaultCharset: 'iso-8859-1',
})])

const queries = {
  'qs as express has it': q => qs.parse(q, { allowPrototypes: true }),
  'qs': q => qs.parse(q, { depth: 20, parameterLimit: 5000, plainObjects: true }),
  'qs with dots': q => qs.parse(q, { allowDots: true, decodeDotInKeys: true, allowPrototypes: true }),
  'qs with entities': q => qs.parse(q, { charset: 'iso-8859-1', interpretNumericEntities: true, charsetSentinel: true, allowPrototypes: true }),
  'qs with semicolons': q => qs.parse(q, { delimiter: /[&;]/, allowPrototypes: true }),
  'querystring': q => querystring.parse(q),
  'URLSearchParams': q => [...new URLSearchParams(q)],
}

function query(seen, r, ev) {
  for (const [name, parse] of Object.entries(queries)) seen.try(name, () => parse(r.query))
  for (const key of ['queryStringParameters', 'multiValueQueryStringParameters']) {
    seen.walk('event.' + key, ev[key])
    if (r.alb) seen.try('decodeURIComponent', () => Object.entries(ev[key] ?? {}).map(([k, vs]) => [vs].flat().map(v => decodeURIComponent(v.replace(/\+/g, ' ')))))
  }
}

function cookies(seen, r, ev) {
  const line = r.headers.cookie ?? ''
  seen.try('cookie', () => cookie.parseCookie?.(line) ?? cookie.parse(line))
  const req = { headers: { cookie: line } }
  cookieParser()(req, {}, () => seen.walk('cookie-parser', req.cookies))
  seen.try('event.cookies', () => (ev.cookies ?? []).map(c => [c.slice(0, c.indexOf('=') >>> 0), c.slice(c.indexOf('=') + 1)]))
}

// path shows what a route of Express does: each segment decoded.
async function path(seen, r) {
  const app = express5()
  app.get('/*rest', (req, res) => res.done(req.params))
  const params = await new Promise(resolve => app.handle(
    { method: 'GET', url: r.path, headers: {} }, { done: resolve, setHeader() {} }, () => resolve(null)))
  seen.walk('express 5 route', params?.rest)
}

async function multipart(seen, reader, r, options) {
  await new Promise(resolve => {
    let parser
    try {
      parser = busboy({ headers: r.headers, ...options })
    } catch {
      return resolve()
    }
    const info = i => {
      if (!/^[a-z0-9/+.-]*$/.test(i.mimeType)) seen.add(reader, 'media', i.mimeType)
    }
    parser.on('field', (name, value, i) => {
      seen.add(reader, 'name', name ?? '')
      seen.add(reader, 'value', value)
      info(i)
    })
    parser.on('file', (name, file, i) => {
      seen.add(reader, 'name', name ?? '')
      seen.add(reader, options.preservePath ? 'name' : 'file', i.filename ?? '')
      info(i)
      const chunks = []
      file.on('data', c => chunks.push(c)).on('end', () => seen.add(reader, 'value', Buffer.concat(chunks).toString())).on('error', () => {})
    })
    parser.on('error', resolve).on('close', resolve)
    parser.end(decompress(r))
  })
}

function decompress(r) {
  try {
    switch ((r.headers['content-encoding'] ?? '').toLowerCase()) {
      case 'gzip': return zlib.gunzipSync(r.body)
      case 'br': return zlib.brotliDecompressSync(r.body)
      case 'deflate': try { return zlib.inflateSync(r.body) } catch { return zlib.inflateRawSync(r.body) }
    }
  } catch { /* as it is */ }
  return r.body
}

async function http(seen, family, ev) {
  const r = request(ev)
  seen.walk('event.headers', Object.entries(ev.headers ?? {}).filter(([k]) => k !== 'content-encoding').map(([, v]) => v))
  query(seen, r, ev)
  cookies(seen, r, ev)
  if (family === 'path') await path(seen, r)
  if (r.body.length === 0) return
  const wide = /utf-(16|32)/.test(r.headers['content-type'])
  for (const [reader, mw] of bodies[family] ?? []) if (!(wide && reader.endsWith('raw'))) await middleware(seen, reader, mw, r)
  switch (family) {
    case 'form':
      seen.try('querystring of the body', () => querystring.parse(decompress(r).toString()))
      seen.try('URLSearchParams of the body', () => [...new URLSearchParams(decompress(r).toString())])
      await multipart(seen, 'busboy', r, {})
      break
    case 'json':
      seen.try('JSON.parse', () => JSON.parse(decompress(r).toString()))
      break
    case 'multipart':
      await multipart(seen, 'busboy', r, {})
      await multipart(seen, 'busboy, UTF-8 and paths', r, { defParamCharset: 'utf8', preservePath: true })
  }
}

// decoders are compared by the bytes that they yield, which go back as base64.
function base64(seen, text) {
  const yields = (reader, s) => {
    for (const coding of ['base64', 'base64url']) seen.add(`Buffer.from ${coding}${reader}`, 'bytes', Buffer.from(s, coding).toString('base64'))
    try { seen.add('atob' + reader, 'bytes', Buffer.from(atob(s), 'latin1').toString('base64')) } catch { /* refused */ }
  }
  yields('', text)
  if (/^[\w=-]+(\.[\w=-]*)+$/.test(text)) for (const segment of text.split('.')) yields(' of a segment', segment)
  if (/^data:/i.test(text)) yields(' behind a comma', text.slice(text.indexOf(',') + 1))
}

for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line)
  const seen = new Seen()
  if (c.family === 'base64') base64(seen, c.text)
  else await http(seen, c.family, JSON.parse(Buffer.from(c.event, 'base64').toString()))
  process.stdout.write(JSON.stringify({ id: c.id, seen: seen.list }) + '\n')
}
