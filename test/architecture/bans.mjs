// The bans that are this product's own, for eslint.config.mjs. A message says what goes wrong and what to
// write instead: it is all that the person reads who meets it.

const ban = (message, visitors) => ({
  meta: { type: 'problem', schema: [], messages: { banned: message } },
  create: (context) => visitors((node) => context.report({ node, messageId: 'banned' }), context.sourceCode),
});

const isNamed = (node, ...names) =>
  (node?.type === 'Identifier' && names.includes(node.name)) ||
  (node?.type === 'Literal' && names.includes(node.value));

/** `object.property`, also as `object['property']` and `globalThis.object.property`. */
const isMember = (node, object, property) =>
  node?.type === 'MemberExpression' &&
  isNamed(node.property, property) &&
  (isNamed(node.object, object) || isMember(node.object, 'globalThis', object));

/** Reports `object.property` however it is reached: as a member, called or not, or taken apart. */
const forbidMember = (object, property) => (report) => ({
  MemberExpression: (node) => isMember(node, object, property) && report(node),
  VariableDeclarator: ({ init, id }) => {
    if (isNamed(init, object) && id.type === 'ObjectPattern')
      id.properties.filter(({ key }) => isNamed(key, property)).forEach(report);
  },
  ImportSpecifier: (node) =>
    node.parent.source.value.replace('node:', '') === object && isNamed(node.imported, property) && report(node),
});

const methodOf = ({ callee }) => (callee.type === 'MemberExpression' ? callee.property : undefined);

const isLiteral = (node, value) => node?.type === 'Literal' && node.value === value;

/** Whether what a client sent is read in here; nested functions are not looked into, so that list.find(...) is free. */
function readsRequest(node, visitorKeys) {
  if (/Function/.test(node.type)) return false;
  if (node.type === 'MemberExpression' && isNamed(node.object, 'req', 'request') && isNamed(node.property, ...SENT))
    return true;
  const children = (visitorKeys[node.type] ?? []).flatMap((key) => node[key] ?? []);
  return children.some((child) => readsRequest(child, visitorKeys));
}

const SENT = ['body', 'query', 'params', 'cookies', 'headers'];
const QUERIES =
  /^(find|findOne|findById|findOneAnd\w+|findByIdAnd\w+|update(One|Many)|replaceOne|delete(One|Many)|insert(One|Many)|countDocuments|exists|distinct|aggregate|bulkWrite)$/;

/** A text, by its type where types are known. */
function isString(node, services) {
  if (!services?.program) return isLiteral(node, String(node.value)) || node.type === 'TemplateLiteral';
  const type = services.getTypeAtLocation(node);
  const checker = services.program.getTypeChecker();
  return checker.isTypeAssignableTo(type, checker.getStringType()) && !isAny(type);
}

const isAny = (type) => (type.flags & 1) !== 0;

/** A Strategy's own method has the same name and takes the request; only a Passport has `use`. */
const isStrategyItself = (node, services) =>
  node.type === 'Super' ||
  (services?.program &&
    !isAny(services.getTypeAtLocation(node)) &&
    !services.getTypeAtLocation(node).getProperty('use'));

export const bans = {
  'no-math-random': ban(
    'Math.random can be guessed, and sooner or later an id or a code is made with it: use node:crypto.',
    forbidMember('Math', 'random'),
  ),

  'no-process-env': ban(
    'Settings are read in config/index.ts only, where they are checked and documented: take the value from the config.',
    forbidMember('process', 'env'),
  ),

  'no-own-clock': ban(
    'Time comes from the injected clock, so that tests can move it and every limit uses one source: call `now()` of what you are given.',
    (report) => ({
      ...forbidMember('Date', 'now')(report),
      CallExpression: ({ callee }) => isNamed(callee, 'Date') && report(callee),
      NewExpression: (node) => isNamed(node.callee, 'Date') && node.arguments.length === 0 && report(node),
    }),
  ),

  'no-strategy-instance': ban(
    "A strategy passed as an instance is shared by concurrent requests, and one gets the other person: register it on this portal's Passport and give its name.",
    (report, { parserServices }) => ({
      CallExpression: (node) => {
        if (!isNamed(methodOf(node), 'authenticate') || isStrategyItself(node.callee.object, parserServices)) return;
        const [name] = node.arguments;
        if (!name || !isString(name, parserServices)) report(node);
      },
    }),
  ),

  'no-extended-forms': ban(
    'extended: true turns the field a[$ne] into an operator for the database: use urlencoded({ extended: false }).',
    (report) => ({
      Property: ({ key, value }) => isNamed(key, 'extended') && isLiteral(value, true) && report(value),
    }),
  ),

  'no-trust-in-every-proxy': ban(
    'With "trust proxy" on, any client chooses its address by X-Forwarded-For and no limit by address holds: name the proxies or count them.',
    (report) => ({
      CallExpression: (node) => {
        const [setting, value] = node.arguments;
        if (!isNamed(setting, 'trust proxy')) return;
        if (isNamed(methodOf(node), 'enable') || (isNamed(methodOf(node), 'set') && isLiteral(value, true)))
          report(node);
      },
    }),
  ),

  'no-request-in-query': ban(
    "What a client sent may be an array or an object, and then the query is the client's: let a schema parse it first and use the parsed value.",
    (report, { visitorKeys }) => ({
      CallExpression: (node) =>
        QUERIES.test(methodOf(node)?.name ?? '') &&
        node.arguments.some((one) => readsRequest(one, visitorKeys)) &&
        report(node),
    }),
  ),

  'no-default-export': ban(
    "A thing has one name everywhere: export it by name. The one default export is a factor's manifest.",
    (report) => ({
      ExportDefaultDeclaration: report,
      ExportSpecifier: (node) => isNamed(node.exported, 'default') && report(node),
    }),
  ),
};
