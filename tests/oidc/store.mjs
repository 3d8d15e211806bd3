// Where the provider keeps its tokens. It outlives a rotation of the keys, which makes a new provider, and an outage.
// The provider's own keeps a thousand at most, which thousands of opaque tokens would wash out.

const LIMIT = 50_000;

export class Store {
  #entries = new Map();

  constructor(model) {
    this.model = model;
  }

  async upsert(id, payload, expiresIn) {
    const until = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    this.#entries.delete(id);
    this.#entries.set(id, { payload, until });
    if (this.#entries.size > LIMIT) this.#entries.delete(this.#entries.keys().next().value);
  }

  async find(id) {
    const entry = this.#entries.get(id);
    return entry && entry.until > Date.now() ? entry.payload : undefined;
  }

  async findByUid() {
    return undefined;
  }

  async findByUserCode() {
    return undefined;
  }

  async consume(id) {
    const entry = this.#entries.get(id);
    if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    this.#entries.delete(id);
  }

  async revokeByGrantId() {}
}

/** A store for each of the provider's models, the same at every call. */
export function stores() {
  const byModel = new Map();
  return (model) => {
    if (!byModel.has(model)) byModel.set(model, new Store(model));
    return byModel.get(model);
  };
}
