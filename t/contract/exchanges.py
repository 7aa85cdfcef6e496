"""Holds recorded exchanges against the contract: a request, and what was answered.

An exchange is a line of JSON: method, path (with its query), type and request (content type and
text of what was sent), status, headers, body (text, or null for what is long or no text) and length.
An event of a stream is a line with `event` and `path`; what a test has put into nginx.conf by
itself is marked `outside`; a path under a location that does not serve everything, `partial`.
"""

import json
import posixpath
import re
import urllib.parse

# Answers that are nginx's own, made before the module sees the request.
NGINX = {400, 408, 413, 414, 431, 494, 495, 496, 497, 505}

# Files that nginx serves beside the API.
STATIC = re.compile(r'/\Z|/app\Z|/(docs|app)/|/(composition|event)\.schema\.json\Z')

TEXT = re.compile('[\udc80-\udcff]')                # bytes that are no UTF-8


def normal(path):
    """The path as nginx sees it, or None where it refuses it."""
    path = urllib.parse.unquote(path.partition('?')[0].partition('#')[0],
                                errors='surrogateescape')
    if not path.startswith('/') or '\0' in path:
        return None
    end = '/' if re.search(r'/\.{0,2}\Z', path) else ''
    path = posixpath.normpath(re.sub('/+', '/', path))
    return path if path.endswith('/') else path + end


def media_type(value):
    return (value or '').partition(';')[0].strip().lower()


def documented(content, kind):
    """The entry of a content map for a media type; ranges come after exact names."""
    for name in (kind, kind.partition('/')[0] + '/*', '*/*'):
        if name in content:
            return content[name]
    return None


class Report:
    def __init__(self):
        self.exchanges = self.checked = self.events = 0
        self.mismatches = {}

    def say(self, where, why):
        self.mismatches[(where, why)] = self.mismatches.get((where, why), 0) + 1


class Checker:
    def __init__(self, spec):
        self.spec = spec
        self.report = Report()
        self.seen = set()
        self.event = spec.follow({'$ref': 'event.schema.json'}, spec.path)
        self.problem = spec.tree['components']['responses']

    def line(self, x):
        if 'event' in x:
            self.report.events += 1
            self.text_event(x['event'], f'an event of {x["path"]}')
            return
        self.report.exchanges += 1
        if x.get('outside') or x['status'] == 599:
            return
        if self.exchange(x):
            self.report.checked += 1

    def exchange(self, x):
        method, status = x['method'], x['status']
        headers = {k.lower(): v if isinstance(v, str) else ', '.join(v)
                   for k, v in x['headers'].items()}
        kind = media_type(headers.get('content-type'))

        if kind == 'text/html' and (status in NGINX or method == 'TRACE' and status == 405):
            return True
        if kind == 'text/html' and status == 403 and x.get('partial'):
            return True                             # deny, in a location of the test
        path = normal(x['path'])
        if path is None or STATIC.match(path):
            return False

        where = f'{method} {path[:80]} {status}'
        wanted = 'get' if method == 'HEAD' else method.lower()
        template, operation, taken = self.spec.find(wanted, path)

        if template is None or operation is None and status == 404 and x.get('partial'):
            return self.refused(x, '404', where, headers, kind)
        if operation is None:
            if method == 'OPTIONS' and status == 204:
                return self.options(where, headers, taken)
            if not self.refused(x, '405', where, headers, kind):
                return True
            return self.allow(where, headers, taken)

        where = f'{method} {template} ({operation["operationId"]}) {status}'
        answer = operation['responses'].get(str(status))
        if answer is None and x.get('partial') and status == 404:
            answer = self.problem['404']
        if answer is None:
            self.report.say(where, 'this status is not documented: ' + (x['body'] or '')[:200])
            return True
        self.answer(x, answer, where, headers, kind)
        if 200 <= status < 300:
            self.request(x, operation, where)
        return True

    def refused(self, x, status, where, headers, kind):
        """A path or method that there is not; the same for all of them."""
        if str(x['status']) != status:
            self.report.say(where, f'must be {status}: the contract has no such '
                            + ('path' if status == '404' else 'method'))
            return False
        self.answer(x, self.problem[status], where, headers, kind)
        return True

    def options(self, where, headers, taken):
        if 'access-control-allow-methods' not in headers:
            self.allow(where, headers, taken)
        return True

    def allow(self, where, headers, taken):
        said = {m.strip().lower() for m in headers.get('allow', '').split(',')} - {''}
        taken = taken | {'options'} | ({'head'} if 'get' in taken else set())
        said |= {'options'}                         # goes without saying
        for some, why in ((said - taken, 'names what the contract has not'),
                          (taken - said, 'lacks what the contract has')):
            if some:
                self.report.say(where, f'Allow {why}: ' + ', '.join(sorted(some)))
        return True

    # ------------------------------------------------------------ one answer

    def answer(self, x, answer, where, headers, kind):
        for name, header in answer.get('headers', {}).items():
            self.header(where, name, header, headers.get(name.lower()))

        body, content = x['body'], answer.get('content')
        if content is None:
            if x['length']:
                self.report.say(where, f'a body of {x["length"]} bytes where none is documented')
            return
        entry = documented(content, kind)
        if entry is None:
            self.report.say(where, f'the content type "{kind}" is not documented')
            return
        if x['method'] == 'HEAD':
            if x['length']:
                self.report.say(where, 'a body for HEAD')
            return
        if body is None:
            return
        if kind == 'text/event-stream':
            self.stream(body, where)
        elif kind == 'application/json' or kind.endswith('+json'):
            key = (id(entry), body)
            if key not in self.seen:
                self.seen.add(key)
                self.json(body, entry['schema'], where, 'body')

    def header(self, where, name, header, value):
        if value is None:
            if header.get('required'):
                self.report.say(where, f'no header {name}')
            return
        schema = header['schema']
        if schema.get('type') == 'integer' and re.fullmatch('-?[0-9]+', value):
            value = int(value)
        for _, why in self.spec.faults(schema, value):
            self.report.say(where, f'header {name}: {why}')

    def json(self, text, schema, where, what):
        try:
            if TEXT.search(text):
                raise ValueError('bytes that are no UTF-8')
            value = json.loads(text)
        except ValueError as e:
            self.report.say(where, f'{what} is not JSON: {e}')
            return
        for pointer, why in self.spec.faults(schema, value):
            self.report.say(where, f'{what} {pointer}: {why}')

    # ------------------------------------------------------------ what was sent and taken

    def request(self, x, operation, where):
        content = operation.get('requestBody', {}).get('content', {})
        text, kind = x.get('request'), media_type(x.get('type'))
        if not text or not content or kind.startswith('multipart/'):
            return
        form = content.get('application/x-www-form-urlencoded')
        if kind == 'application/x-www-form-urlencoded' and form and not text.startswith('{'):
            value = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
            for pointer, why in self.spec.faults(form['schema'], value):
                self.report.say(where, f'the form that was taken {pointer}: {why}')
        elif 'application/json' in content and text.lstrip()[:1] in '{[' and (
                '*/*' not in content or kind == 'application/json'):
            key = (id(content), text)
            if key not in self.seen:
                self.seen.add(key)
                self.json(text, content['application/json']['schema'], where,
                          'the request that was taken')

    # ------------------------------------------------------------ events

    def text_event(self, text, where):
        if (where, text) not in self.seen:
            self.seen.add((where, text))
            self.json(text, self.event, where, 'event')

    def stream(self, body, where):
        """An SSE stream, as far as it was read; the last block may be cut."""
        blocks = re.split(r'\n\n', body.replace('\r\n', '\n'))
        for block in blocks[:-1]:
            field = {}
            for line in block.split('\n'):
                name, _, value = line.partition(':')
                if name in ('id', 'event', 'data'):
                    field[name] = (field[name] + '\n' if name in field else '') + value.lstrip(' ')
                elif name not in ('', 'retry'):
                    self.report.say(where, f'a line of the stream is neither field nor comment: {line[:80]}')
            if 'data' not in field:
                continue
            self.report.events += 1
            self.text_event(field['data'], where)
            try:
                event = json.loads(field['data'])
            except ValueError:
                continue
            if isinstance(event, dict) and field.get('event') != event.get('type'):
                self.report.say(where, f'event: {field.get("event")}, but the type is {event.get("type")}')
            if isinstance(event, dict) and event.get('id') != (field.get('id') or None):
                self.report.say(where, f'id: {field.get("id")}, but the id is {event.get("id")}')
