#!/usr/bin/python3
"""Holds the server against docs/openapi.json.

    check.py [--spec FILE] EXCHANGES      recorded exchanges, a JSON object a line
    check.py [--spec FILE] --routes       the route table in ngx_module/, both ways
    check.py [--spec FILE] --self         the document by itself
    check.py [--schema NAME] --documents FILE
                                          compositions by name, against their schema (or another
                                          one of docs/): what is wrong with each, as JSON:
                                          {name: [[pointer, why]]}

Exit status 1 where something does not hold, 2 for a wrong call.  Needs python3-jsonschema.
"""

import argparse
import glob
import json
import os
import sys

sys.dont_write_bytecode = True

import exchanges                                    # noqa: E402
import spec as contract                             # noqa: E402
import structure                                    # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOWN = 40


def show(faults):
    for text in faults[:SHOWN]:
        print(f'  {text}')
    if len(faults) > SHOWN:
        print(f'  and {len(faults) - SHOWN} more')


def of_exchanges(spec, path):
    checker = exchanges.Checker(spec)
    with open(path, encoding='utf-8', errors='surrogateescape') as f:
        for line in f:
            checker.line(json.loads(line))
    r = checker.report
    print(f'{r.exchanges} exchanges, {r.checked} checked, {r.events} events, '
          f'{len(r.mismatches)} mismatches')
    show([f'{where}: {why}' + (f' ({n} times)' if n > 1 else '')
          for (where, why), n in sorted(r.mismatches.items())])
    return not r.mismatches


def of_routes(spec):
    rows, entries, faults = structure.routes(spec, sorted(glob.glob(f'{TOP}/ngx_module/*.c')))
    print(f'{len(rows)} routes, {len(entries)} entries, {len(faults)} mismatches')
    show(faults)
    return rows and not faults


def of_itself(spec):
    faults = structure.check(spec)
    print(f'{len(spec.tree["paths"])} paths, {len(list(structure.operations(spec)))} operations, '
          f'{faults.examples} examples, {len(faults)} faults')
    show(faults)
    return not faults


def of_documents(spec, name, path):
    schema = spec.follow({'$ref': name}, spec.path)
    with open(path, encoding='utf-8') as f:
        documents = json.load(f)
    print(json.dumps({name: spec.faults(schema, d) for name, d in documents.items()}))
    return True


def main():
    args = argparse.ArgumentParser(description='Holds the server against docs/openapi.json.')
    args.add_argument('--spec', default=f'{TOP}/docs/openapi.json')
    args.add_argument('--routes', action='store_true')
    args.add_argument('--self', action='store_true', dest='itself')
    args.add_argument('--schema', default='composition.schema.json')
    args.add_argument('--documents')
    args.add_argument('exchanges', nargs='?')
    given = args.parse_args()
    if given.routes + given.itself + bool(given.documents) + bool(given.exchanges) != 1:
        args.error('give one of --routes, --self, --documents and a file of exchanges')
    try:
        spec = contract.Spec(given.spec)
    except contract.Broken as e:
        print(e)
        return 1
    good = (of_routes(spec) if given.routes else of_itself(spec) if given.itself
            else of_documents(spec, given.schema, given.documents) if given.documents
            else of_exchanges(spec, given.exchanges))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
