"""The contract as data: docs/openapi.json with every $ref followed, a validator for each of its
schemas, and which operation a path belongs to.  Says nothing about exchanges or the route table."""

import datetime
import json
import os
import re
import urllib.parse

import jsonschema

METHODS = ('get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace')

FIELD = re.compile(r'\{\{([A-Za-z0-9_.-]{1,64})\}\}')
formats = jsonschema.FormatChecker(formats=())


@formats.checks('date-time')
def is_date_time(value):
    """RFC 3339, in UTC as the API promises"""
    if not isinstance(value, str):
        return True
    if not re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z', value):
        return False
    try:
        datetime.datetime.strptime(value[:19], '%Y-%m-%dT%H:%M:%S')
    except ValueError:
        return False
    return True


@formats.checks('uuid')
def is_uuid(value):
    """RFC 9562, in lower case as they are made here"""
    if not isinstance(value, str):
        return True
    return re.fullmatch('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', value) is not None


@formats.checks('uri-reference')
def is_uri_reference(value):
    """RFC 3986: its letters, and every per cent sign with two digits"""
    if not isinstance(value, str):
        return True
    letters = r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]"
    return re.fullmatch(f'(?:{letters}|%[0-9A-Fa-f]{{2}})*', value) is not None


def merge(value, fields):
    """A document with its merge fields resolved, as docs/composition.md has it."""
    if isinstance(value, list):
        return [merge(v, fields) for v in value]
    if isinstance(value, dict):
        return {k: merge(v, fields) for k, v in value.items()}
    if not isinstance(value, str):
        return value
    whole = FIELD.fullmatch(value)
    if whole:
        return fields.get(whole[1], value)
    return FIELD.sub(lambda m: str(fields.get(m[1], m[0])), value)


def merged(value):
    """The same where a document is a member of the body; its schema is that of the result."""
    if not isinstance(value, dict):
        return value
    fields = value.get('merge')
    if 'timeline' in value and isinstance(fields, dict) and fields:
        return {k: v if k == 'merge' else merge(v, fields) for k, v in value.items()}
    return {k: merged(v) if k in ('composition', 'config') else v for k, v in value.items()}


class Broken(Exception):
    """A $ref that leads nowhere, or a file that is no JSON."""


class Spec:
    """One openapi.json.  `tree` has no $ref left; files beside it are read as they are named."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.files = {}
        self.followed = {}
        self.refs = set()
        self.raw = self.read(self.path)
        self.tree = self.follow(self.raw, self.path)
        self.validators = {}
        self.operations = []
        self.index()

    def read(self, path):
        if path not in self.files:
            try:
                with open(path, encoding='utf-8') as f:
                    self.files[path] = json.load(f)
            except (OSError, ValueError) as e:
                raise Broken(f'{path}: {e}') from e
        return self.files[path]

    def target(self, ref, path):
        """What a $ref of the file at `path` names: (value, file)."""
        name, _, pointer = ref.partition('#')
        if name:
            path = os.path.join(os.path.dirname(path), name)
        value = self.read(path)
        for step in pointer.split('/')[1:]:
            step = urllib.parse.unquote(step).replace('~1', '/').replace('~0', '~')
            try:
                value = value[int(step)] if isinstance(value, list) else value[step]
            except (KeyError, IndexError, ValueError) as e:
                raise Broken(f'{os.path.basename(path)}: $ref "{ref}" leads nowhere') from e
        return value, path

    def follow(self, value, path):
        """The value without $ref.  Members beside a $ref are taken over its target's."""
        if isinstance(value, list):
            return [self.follow(v, path) for v in value]
        if not isinstance(value, dict):
            return value
        ref = value.get('$ref')
        if isinstance(ref, str):
            self.refs.add(ref)
            key = (ref.partition('#')[0] and os.path.dirname(path) or path, ref)
            if key not in self.followed:
                self.followed[key] = None           # a loop would come back to this
                self.followed[key] = self.follow(*self.target(ref, path))
            if self.followed[key] is None:
                raise Broken(f'$ref "{ref}" leads back to itself')
            beside = {k: self.follow(v, path) for k, v in value.items() if k != '$ref'}
            return {**self.followed[key], **beside} if beside else self.followed[key]
        new = {k: self.follow(v, path) for k, v in value.items() if k != '$defs'}
        if 'x-extensible-enum' in new:              # others may add words; this version may not
            new['enum'] = new['x-extensible-enum'] + [None] * ('null' in new.get('type', ()))
        return new

    def index(self):
        for path, item in self.tree['paths'].items():
            rest = {p['name'] for o in item.values() if isinstance(o, dict)
                    for p in o.get('parameters', ()) if p.get('x-rest')}
            pattern = re.sub(r'\\\{(\w+)\\\}',
                             lambda m: '.+' if m[1] in rest else '[^/]+', re.escape(path))
            methods = {m: o for m, o in item.items() if m in METHODS}
            self.operations.append((re.compile(pattern, re.S), path, methods))
        self.operations.sort(key=lambda o: o[1].count('{'))     # what is said in full goes first

    def find(self, method, path):
        """(template, operation): both None where there is no such path, operation None where the
        path does not take the method; then every method that it takes comes third."""
        template, taken = None, set()
        for pattern, name, methods in self.operations:
            if not pattern.fullmatch(path):
                continue
            if method in methods:
                return name, methods[method], set()
            template = template or name
            taken |= set(methods)
        return template, None, taken

    def faults(self, schema, value):
        """Why the value is not as the schema says: [(pointer, reason)]."""
        if id(schema) not in self.validators:
            made = jsonschema.Draft202012Validator(schema, format_checker=formats)
            self.validators[id(schema)] = (made, schema)        # kept, so that the id stays its
        found = []
        for e in self.validators[id(schema)][0].iter_errors(merged(value)):
            if e.context:
                e = jsonschema.exceptions.best_match([e])
            found.append(('/' + '/'.join(map(str, e.absolute_path)), e.message[:300]))
        return found
