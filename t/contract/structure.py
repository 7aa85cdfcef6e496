"""The contract by itself: the rules of OpenAPI 3.1 that clients and generators rely on, examples that
are what they claim, and that nginx serves what is written here and nothing else."""

import json
import re

import jsonschema

import spec as contract

# What nginx serves as files, so that the route table has no row for it.
FILES = {('get', '/openapi.json'), ('get', '/docs')}


class Faults(list):
    def __init__(self):
        super().__init__()
        self.examples = 0


def check(spec):
    """Every fault of the document as text, with the number of examples that were looked at."""
    faults, tree = Faults(), spec.tree
    if not re.fullmatch(r'3\.1\.\d+', tree.get('openapi', '')):
        faults.append('openapi is not 3.1')
    for name in ('title', 'version'):
        if not tree.get('info', {}).get(name):
            faults.append(f'info has no {name}')
    shapes = {}
    for path in tree['paths']:
        shape = re.sub(r'\{\w+\}', '{}', path)
        if not path.startswith('/') or shape in shapes:
            faults.append(f'{path}: {"is as " + shapes[shape] if shape in shapes else "begins with no slash"}')
        shapes[shape] = path
    ids = {}
    for path, method, operation in operations(spec):
        one(tree, faults, ids, path, method, operation)
    for path, method, operation in operations(spec):
        alias(tree, faults, ids, f'{method} {path}', operation)
    unused(spec, faults)
    schemas(spec, faults)
    return faults


def operations(spec):
    for path, item in spec.tree['paths'].items():
        for method, operation in item.items():
            if method in contract.METHODS:
                yield path, method, operation


def one(tree, faults, ids, path, method, operation):
    where = f'{method} {path}'
    name = operation.get('operationId')
    if not name or not re.fullmatch('[A-Za-z][A-Za-z0-9]*', name):
        faults.append(f'{where}: no operationId that a generator can use')
    elif name in ids:
        faults.append(f'{where}: operationId {name} is that of {ids[name][0]}')
    ids[name] = (where, operation)
    if not operation.get('summary'):
        faults.append(f'{where}: no summary')
    for tag in operation.get('tags', ['']):
        if tag not in [t['name'] for t in tree['tags']]:
            faults.append(f'{where}: the tag "{tag}" is not declared')
    for requirement in operation.get('security', tree['security']):
        for scheme in requirement:
            if scheme not in tree['components']['securitySchemes']:
                faults.append(f'{where}: no security scheme {scheme}')
    in_path = set(re.findall(r'\{(\w+)\}', path))
    named = [(p['in'], p['name']) for p in operation.get('parameters', ())]
    if {n for i, n in named if i == 'path'} != in_path:
        faults.append(f'{where}: its path parameters are not those of the path')
    if len(named) != len(set(named)):
        faults.append(f'{where}: a parameter twice')
    for p in operation.get('parameters', ()):
        if p['in'] == 'path' and p.get('required') is not True:
            faults.append(f'{where}: {p["name"]} is not required')
        if 'schema' not in p:
            faults.append(f'{where}: {p["name"]} has no schema')
    if not operation.get('responses'):
        faults.append(f'{where}: no responses')
    for status, answer in operation.get('responses', {}).items():
        if not re.fullmatch('[1-5][0-9][0-9]', status) or not answer.get('description'):
            faults.append(f'{where} {status}: no status, or no description')
        for kind, entry in answer.get('content', {}).items():
            if 'schema' not in entry:
                faults.append(f'{where} {status}: {kind} has no schema')
    if 'requestBody' in operation and (method in ('get', 'delete') or not operation['requestBody'].get('content')):
        faults.append(f'{where}: a request body that there cannot be')


def alias(tree, faults, ids, where, operation):
    """An older name of a path answers as the path does."""
    name = operation.get('x-alias-of')
    if name is None:
        return
    if name not in ids:
        faults.append(f'{where}: is another name of {name}, which is none')
        return
    for member in ('responses', 'parameters', 'requestBody', 'security', 'tags'):
        if operation.get(member) != ids[name][1].get(member):
            faults.append(f'{where}: its {member} are not those of {name}')


def unused(spec, faults):
    for kind, items in spec.raw['components'].items():
        for name in items if kind != 'securitySchemes' else ():
            if f'#/components/{kind}/{name}' not in spec.refs and (kind, name) != ('responses', '405'):
                faults.append(f'components/{kind}/{name} is used nowhere')


def schemas(spec, faults):
    """Every schema is one, and every example is as its schema says."""
    done = set()

    def walk(value, where, schema=False):
        if not isinstance(value, (dict, list)) or id(value) in done:
            return
        done.add(id(value))
        if isinstance(value, list):
            for i, v in enumerate(value):
                walk(v, f'{where}/{i}')
            return
        if isinstance(value.get('schema'), dict):
            this = value['schema']
            try:
                jsonschema.Draft202012Validator.check_schema(this)
            except jsonschema.SchemaError as e:
                faults.append(f'{where}/schema: {e.message[:200]}')
                return
            for example in [value['example']] if 'example' in value else []:
                example_of(this, example, f'{where}/example')
        if isinstance(value.get('examples'), list) and ('type' in value or 'properties' in value):
            for i, example in enumerate(value['examples']):
                example_of(value, example, f'{where}/examples/{i}')
        for k, v in value.items():
            if k not in ('example', 'examples', 'default', 'enum', 'const'):
                walk(v, f'{where}/{k}')

    def example_of(schema, example, where):
        faults.examples += 1
        for pointer, why in spec.faults(schema, example):
            faults.append(f'{where}{pointer}: {why}')

    whole = {f'components/schemas/{n}': s for n, s in spec.tree['components']['schemas'].items()}
    whole.update({p: tree for p, tree in spec.files.items() if p != spec.path})
    for where, this in whole.items():
        try:
            jsonschema.Draft202012Validator.check_schema(this)
        except jsonschema.SchemaError as e:
            faults.append(f'{where}: {e.message[:200]}')
            return                              # no example can be held against it
    walk(spec.tree, '#')


def routes(spec, sources):
    """(rows of the table, entries of the contract, faults): both ways."""
    rows, faults = set(), []
    for source in sources:
        with open(source, encoding='utf-8') as f:
            text = f.read()
        for mask, path in re.findall(r'\{\s*([A-Z_|\s]+?),\s*PATH\("([^"]+)"\)', text):
            path = re.sub(r'\{(\w+)\.*\}', r'{\1}', path)
            for method in mask.split('|'):
                row = (method.strip().replace('NGX_HTTP_', '').lower(), path)
                if row in rows:
                    faults.append(f'{row[0].upper()} {row[1]}: two rows of the table')
                rows.add(row)
    entries = {(m, p) for p, m, _ in operations(spec)} - FILES
    for method, path in sorted(rows - entries):
        faults.append(f'{method.upper()} {path}: is served, and docs/openapi.json has it not')
    for method, path in sorted(entries - rows):
        faults.append(f'{method.upper()} {path}: is in docs/openapi.json, and nobody serves it')
    return rows, entries, faults
