// The film that the form describes, and the composition document it stands for.
// No elements here, and no requests.

export const sizes = { landscape: [1280, 720], portrait: [720, 1280], square: [720, 720], draft: [320, 180] };

export const newFilm = () => ({
	id: null, etag: null, title: '', showTitle: true, fade: true, size: 'landscape', clips: [], sounds: [],
});

const tenth = (s) => Math.floor(s * 10 + 1e-6) / 10;
const round = (s) => Math.round(s * 1000) / 1000;

export const lengthOf = (item) => item.asset?.probe?.duration ?? 0;

// Seconds that a clip plays.
export const playsFor = (c) => (c.kind === 'image' ? c.seconds : Math.max(0, (c.out ?? lengthOf(c)) - (c.in || 0)));

// {document, places}; places are [pointer, item | field name], for the server's errors.
export function toDocument(film) {
	const [width, height] = sizes[film.size];
	const places = [];
	const clips = [];
	let total = 0;

	film.clips.forEach((c, i) => {
		const before = film.clips[i - 1];
		const lap = film.fade && before ? tenth(Math.min(0.5, playsFor(before) / 2, playsFor(c) / 2)) : 0;
		if (lap > 0) {
			places.push([`/timeline/tracks/0/clips/${clips.length}`, c]);
			clips.push({ type: 'transition', transition_type: 'fade', duration: lap });
		}
		places.push([`/timeline/tracks/0/clips/${clips.length}`, c]);
		const clip = { asset: { type: c.kind, src: c.asset.src }, fit: 'contain' };
		if (c.kind === 'image') clip.duration = c.seconds;
		else {
			if (c.in) clip.in_point = c.in;
			if (c.out != null) clip.out_point = c.out;
		}
		clips.push(clip);
		total += playsFor(c) - lap;
	});

	const tracks = [{ id: 'main', kind: 'video', clips }];

	if (film.title && film.showTitle) {
		places.push([`/timeline/tracks/${tracks.length}`, 'title']);
		const length = round(Math.min(4, total));
		tracks.push({ id: 'title', kind: 'video', clips: [{
			asset: { type: 'text', text: film.title, font: { size: Math.round(Math.min(width, height) / 12), weight: 'bold' } },
			start: 0, duration: length, width: '86%', position: 'center',
			...(length > 1.5 && { transition: { in: 'fade', out: 'fade', duration: 0.5 } }),
		}] });
	}

	let start = 0;
	for (const s of film.sounds) {
		places.push([`/timeline/tracks/${tracks.length}`, s]);
		const length = Math.min(lengthOf(s), total - start);
		tracks.push({ id: `music${s === film.sounds[0] ? '' : film.sounds.indexOf(s) + 1}`, kind: 'audio', clips: [{
			asset: { type: 'audio', src: s.asset.src }, start, duration: 'end', volume: s.volume,
			...(length > 2 && { fade_out: 1 }),
		}] });
		start = round(start + lengthOf(s));
	}

	places.push(['/title', 'title']);

	return {
		document: {
			version: 1, ...(film.title && { title: film.title }),
			timeline: { width, height, fps: 30, background: '#000000', tracks },
			outputs: [{ name: 'final', format: 'mp4', quality: 'medium' }],
		},
		places,
	};
}

// The same whatever the order of members.
const canonical = (v) => JSON.stringify(v, (_, x) => (x && typeof x === 'object' && !Array.isArray(x)
	? Object.fromEntries(Object.entries(x).sort(([a], [b]) => (a < b ? -1 : 1))) : x));

export const assetIds = (document) => [...new Set(JSON.stringify(document).match(/(?<="asset:)[0-9a-f-]{36}(?=")/g))];

// The film of a document, or null for one that the form cannot show whole.
// items: asset id -> item with its asset.
export function fromDocument(document, items) {
	const film = newFilm();
	const item = (asset) => ({ ...items.get(asset.src?.slice(6)), kind: asset.type });
	try {
		const { width, height, tracks } = document.timeline;
		film.size = Object.keys(sizes).find((k) => sizes[k][0] === width && sizes[k][1] === height);
		film.title = document.title ?? '';
		film.showTitle = !film.title || tracks.some((k) => k.id === 'title');
		film.fade = tracks[0].clips.length < 2 || tracks[0].clips.some((c) => c.type === 'transition');
		film.clips = tracks[0].clips.filter((c) => c.asset).map((c) => Object.assign(item(c.asset),
			{ in: c.in_point ?? 0, out: c.out_point ?? null, seconds: c.duration ?? 4 }));
		film.sounds = tracks.filter((k) => k.kind === 'audio').map((k) => Object.assign(item(k.clips[0].asset),
			{ volume: k.clips[0].volume }));
		return canonical(toDocument(film).document) === canonical(document) ? film : null;
	} catch {
		return null;
	}
}

// Whose error this is: the item or field with the longest pointer that holds it.
export const ownerOf = (places, pointer) => places
	.filter(([p]) => pointer === p || pointer.startsWith(`${p}/`))
	.sort((a, b) => b[0].length - a[0].length)[0]?.[1];
