// jspurefix as a driver: one FIX session in a process of its own. docs/engines.md says what a driver is told.
//
// It knows nothing of this project. Every number and answer is the engine's. What the engine leaves to its application is
// here: keeping what was sent for a resend, and LastMsgSeqNumProcessed (369).
'use strict'

require('reflect-metadata')
const { once } = require('node:events')
const { createInterface } = require('node:readline')
const { setTimeout: delay } = require('node:timers/promises')
const {
  AsciiSession, AsciiSessionMsgFactory, ContainedSetBuilder, ContainedSimpleField, FixMsgAsciiStoreResend, FixMsgMemoryStore,
  FixMsgStoreRecord, JsFixLoggerFactory, MemorySessionStoreFactory, SessionLauncher, SimpleFieldDefinition,
  TagType
} = require('jspurefix')

const SOH = 1
// Header fields that a scenario may set.
const HEADER = new Set([43, 50, 57, 97, 116, 122, 128, 129, 369, 1128, 1129])
const DICTIONARIES = {
  'FIX.4.0': 'repo40', 'FIX.4.1': 'repo41', 'FIX.4.2': 'repo42', 'FIX.4.3': 'repo43', 'FIX.4.4': 'repo44',
  'FIX.5.0': 'repo50', 'FIX.5.0SP1': 'repo50sp1', 'FIX.5.0SP2': 'repo50sp2'
}
// What the engine's dictionaries of 4.0 and 4.1 call `TIME` and `CHAR`, which it can neither write nor read as they are meant.
const TYPES = {
  43: TagType.Boolean, 52: TagType.UtcTimestamp, 97: TagType.Boolean, 122: TagType.UtcTimestamp, 123: TagType.Boolean,
  141: TagType.Boolean
}
const APPL_VER_IDS = { 'FIX.5.0': '7', 'FIX.5.0SP1': '8', 'FIX.5.0SP2': '9' }

const settings = JSON.parse(process.argv[2])
const client = settings.role === 'client'

// One line for the test.
function tell (event, more = {}) {
  process.stdout.write(JSON.stringify({ event, ...more }) + '\n')
}

// --- messages: the engine names fields, the test numbers them ---

// Puts a field into an object of the engine's where its dictionary has it, in a component if need be.
function put (set, object, definition, value) {
  const field = set.localTag[definition.tag] ?? set.tagToField[definition.tag]
  if (field?.definition?.fields === undefined) {
    object[definition.name] = value
    return
  }
  object[field.name] ??= {}
  put(field.definition, object[field.name], definition, value)
}

// The field of this number; one that the version has not in this message is made known, as a bilateral agreement would.
function known (definitions, set, tag) {
  const definition = definitions.tagToSimple[tag] ??
    new SimpleFieldDefinition(String(tag), `Field${tag}`, `Field${tag}`, null, null, 'STRING', null)
  if (!set.containedTag[tag]) {
    new ContainedSetBuilder(set).add(new ContainedSimpleField(definition, set.fields.length, false, false))
  }
  return definition
}

function message (definitions, type, fields) {
  const [body, header] = [definitions.message.get(type), definitions.component.get('StandardHeader')]
  const made = { StandardHeader: {} }
  for (const [tag, value] of fields) {
    const [set, object] = HEADER.has(tag) ? [header, made.StandardHeader] : [body, made]
    put(set, object, known(definitions, set, tag), value)
  }
  return made
}

// --- the engine's parts that an application gives it ---

class Log extends JsFixLoggerFactory {
  logger (type) {
    const write = level => text => process.stderr.write(`${new Date().toISOString()} ${level} ${type}: ${text}\n`)
    return { info: write('info'), warning: write('warning'), debug () {}, error: write('error') }
  }

  plain () {
    return { info () {}, warning () {}, debug () {}, error () {} }
  }
}

// The numbers outlive a connection.
const numbers = new class {
  create (id) {
    this.store ??= new MemorySessionStoreFactory().create(id)
    return this.store
  }
}()

// What the engine's encoder cannot write goes into its bytes, the same each time that a number is sent: by MsgSeqNum (34).
const odd = new Map()

function spoil (bytes) {
  const text = bytes.toString('latin1')
  const fields = odd.get(Number(/\x0134=(\d+)\x01/.exec(text)?.[1]))
  if (fields === undefined) return bytes
  const [, begin, rest] = /^(8=[^\x01]+\x019=\d+\x01)(.*)10=\d{3}\x01$/s.exec(text)
  let body = rest
  for (const [tag, value] of fields) {
    if (!HEADER.has(tag)) body += `${tag}=${value}\x01`
    else if (body.includes(`\x01${tag}=`)) body = body.replace(new RegExp(`\x01${tag}=[^\x01]*`), `\x01${tag}=${value}`)
    else body = body.replace(/\x01/, `\x01${tag}=${value}\x01`)
  }
  const whole = begin.replace(/9=\d+/, `9=${String(body.length).padStart(7, '0')}`) + body
  const sum = [...Buffer.from(whole, 'latin1')].reduce((total, byte) => total + byte, 0) % 256
  return Buffer.from(`${whole}10=${String(sum).padStart(3, '0')}\x01`, 'latin1')
}

// A field that the encoder leaves out or turns into another: an empty one, a second of a tag, a flag that is none.
const isOdd = ([tag, value], place, fields) =>
  value === '' || (tag === 43 && value !== 'Y') || fields.findIndex(field => field[0] === tag) < place

let sent = null
let session = null
let logonFields = []

class Session extends AsciiSession {
  constructor (config) {
    super(config)
    this.checkMsgIntegrity = true
    // What was sent outlives a connection too.
    sent ??= new FixMsgMemoryStore('sent', config)
    this.store = sent
    this.resender = new FixMsgAsciiStoreResend(sent, config)
    this.isLoggedOn = false
    session = this
  }

  onDecoded (_type, text) { this.raw = text }
  onEncoded () {}
  onLogon () { return true }

  onReady () {
    this.isLoggedOn = true
    tell('logon')
  }

  onStopped () {
    if (this.isLoggedOn) tell('logout')
    this.isLoggedOn = false
  }

  onApplicationMsg () { tell('received', { admin: false, raw: this.raw }) }

  onSessionMsg (type, view) {
    tell('received', { admin: true, raw: this.raw })
    super.onSessionMsg(type, view)
  }

  submit (type, all) {
    const fields = all.filter((...each) => !isOdd(...each))
    const made = message(this.config.definitions, type, fields)
    if (fields.length < all.length) {
      odd.set(this.transmitter.msgSeqNum, all.filter((...each) => isOdd(...each)))
      const { encoder } = this.transmitter
      encoder.trim = () => spoil(Object.getPrototypeOf(encoder).trim.call(encoder))
    }
    return new Promise((resolve, reject) => this.send(type, made, (error, result) => {
      if (error) return reject(error)
      const { StandardHeader: header, ...body } = made
      if (!'A012345'.includes(type)) {
        sent.put(new FixMsgStoreRecord(type, result.header.SendingTime, result.header.MsgSeqNum, body)).catch(reject)
      }
      resolve()
    }))
  }

  get transmitter () { return this.transport?.transmitter }
}

function mutate (_description, type, object) {
  if (type === 'StandardHeader' && settings.last_processed) {
    object.LastMsgSeqNumProcessed = session.lastPeerSeqNum()
  }
  return object
}

class Launcher extends SessionLauncher {
  constructor (description) {
    super(client ? description : null, client ? null : description, new Log())
  }

  makeSessionMsgFactory (description) {
    return new AsciiSessionMsgFactory(description, mutate)
  }

  makeFactory (config) {
    for (const [tag, type] of Object.entries(TYPES)) {
      const definition = config.definitions.tagToSimple[tag]
      if (definition !== undefined) definition.tagType = type
    }
    config.logDelimiter = SOH // what is shown to the application is what was on the wire
    config.sessionStoreFactory = numbers
    if (client) {
      const logon = message(config.definitions, 'A', logonFields)
      delete logon.StandardHeader
      Object.assign(config.description.Logon, logon)
    }
    return { makeSession: own => new Session(own) }
  }
}

function start (reset) {
  const description = {
    application: {
      name: settings.role,
      type: client ? 'initiator' : 'acceptor',
      protocol: 'ascii',
      dictionary: DICTIONARIES[settings.application],
      tcp: { host: '127.0.0.1', port: settings.port },
      reconnectSeconds: 3600
    },
    BeginString: settings.begin_string,
    SenderCompId: settings.sender,
    TargetCompID: settings.target,
    HeartBtInt: settings.heartbeat,
    ResetSeqNumFlag: reset,
    Logon: {}
  }
  if (settings.application in APPL_VER_IDS) description.Logon.DefaultApplVerID = APPL_VER_IDS[settings.application]
  const launcher = new Launcher(description)
  launcher.run().catch(error => process.stderr.write(`ended: ${error}\n`))
  return launcher
}

// --- what a test may ask for ---

const orders = {
  connect ({ fields, reset }) {
    logonFields = fields
    start(reset)
  },
  send: ({ type, fields }) => session.submit(type, fields),
  logout () { session.done() },
  logon () {},
  skip ({ to }) { session.transmitter.msgSeqNum = to },
  numbers () {
    const store = numbers.store
    return session?.transmitter
      ? { out: session.transmitter.msgSeqNum, in: session.lastPeerSeqNum() + 1 }
      : { out: store?.senderSeqNum ?? 1, in: store?.targetSeqNum ?? 1 }
  }
}

async function listening (launcher) {
  while (!launcher.acceptorEntity?.acceptor?.server) await delay(5)
  const server = launcher.acceptorEntity.acceptor.server
  if (!server.listening) await once(server, 'listening')
}

async function main () {
  if (!client) await listening(start(false))
  tell('ready', { engine: 'jspurefix' })
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, do: what, ...order } = JSON.parse(line)
    try {
      tell('done', { id, result: await orders[what](order) })
    } catch (error) { // told, and judged by the test
      tell('failed', { id, error: String(error) })
    }
  }
  process.exit(0)
}

process.on('uncaughtException', error => process.stderr.write(`uncaught: ${error.stack}\n`))
main()
