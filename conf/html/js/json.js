// Where each value of a JSON text stands, by its JSON Pointer (RFC 6901); and,
// for a text that is no JSON, where it stops being it.

export class SyntaxFault extends Error {
	constructor(what, at) {
		super(what);
		this.at = at;
	}
}

// Map of pointer -> [start, end]; of a member, from its name on.
export function locate(text) {
	const places = new Map();
	let at = 0;

	const fail = (what) => { throw new SyntaxFault(what, at); };
	const take = (re) => {
		re.lastIndex = at;
		const m = re.exec(text);
		if (m) at = re.lastIndex;
		return m?.[0];
	};
	const space = () => take(/[ \t\r\n]*/y);
	const string = () => {
		const s = take(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
		return s === undefined ? fail(text[at] === '"' ? 'this text does not end' : 'a name in "" is missing') : JSON.parse(s);
	};

	// Members or elements up to the closing mark.
	const list = (close, one) => {
		at++;
		space();
		if (text[at] === close) { at++; return; }
		for (let n = 0; ; n++) {
			one(n);
			space();
			if (text[at] === close) { at++; return; }
			if (text[at] !== ',') fail(`"," or "${close}" is missing`);
			at++;
			space();
		}
	};

	const value = (pointer, start = at) => {
		if (text[at] === '{') {
			list('}', () => {
				const from = at;
				const name = string();
				space();
				if (text[at] !== ':') fail('":" is missing');
				at++;
				space();
				value(`${pointer}/${name.replace(/~/g, '~0').replace(/\//g, '~1')}`, from);
			});
		} else if (text[at] === '[') {
			list(']', (n) => value(`${pointer}/${n}`));
		} else if (text[at] === '"') {
			string();
		} else if (take(/(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null)(?![\w.])/y) === undefined) {
			fail('a value is missing');
		}
		places.set(pointer, [start, at]);
	};

	space();
	value('');
	space();
	if (at < text.length) fail('the document has ended before this');
	return places;
}

// The place of a pointer, or of the nearest thing around it that is there.
export function placeOf(places, pointer) {
	let p = pointer;
	while (p && !places.has(p)) p = p.slice(0, p.lastIndexOf('/'));
	const [start, end] = places.get(p) ?? [0, 0];
	return p === pointer ? [start, end] : [start, Math.min(end, start + 1)];
}

export const lineOf = (text, at) => text.slice(0, at).split('\n').length;
