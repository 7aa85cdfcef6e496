// The film of the form and its composition document: no elements, no requests.

export const sizes = {wide: [1280, 720], tall: [720, 1280], draft: [320, 180]}

// The film, and as a stream to watch while it is rendered.
const outputs = [{name: 'final', format: 'mp4'}, {name: 'live', format: 'hls', renditions: [{}]}]

export const newFilm = () => ({title: '', between: 'fade', size: 'wide', clips: [], sounds: []})

const round = s => Math.round(s * 1000) / 1000

// Seconds of the source, and of the clip.
export const lengthOf = item => item.asset?.probe?.duration ?? 0
export const playsFor = c => (c.kind === 'image' ? c.seconds : Math.max(0, (c.out ?? lengthOf(c)) - c.in))

// places: [pointer, item or 'title'], for errors
export function toDocument({title, between, size, clips, sounds}) {
	const [width, height] = sizes[size]
	const places = [['/title', 'title']]
	const main = []
	const tracks = [{clips: main}]
	let total = 0

	const add = (owner, clip) => {places.push([`/timeline/tracks/0/clips/${main.length}`, owner]); main.push(clip)}
	clips.forEach((c, i) => {
		const lap = between === 'none' || !i ? 0 : Math.floor(Math.min(5, playsFor(clips[i - 1]) * 5, playsFor(c) * 5)) / 10
		if (lap > 0) add(c, {type: 'transition', transition_type: 'fade', duration: lap})
		add(c, {asset: {type: c.kind, src: c.asset.src}, fit: 'contain', ...(c.kind === 'image' ? {duration: c.seconds}
			: {...(c.in && {in_point: c.in}), ...(c.out != null && {out_point: c.out})})})
		total += playsFor(c) - lap
	})

	const track = (owner, kind, clip) => {
		places.push([`/timeline/tracks/${tracks.length}`, owner])
		tracks.push({kind, clips: [clip]})
	}
	if (title) {
		const length = round(Math.min(4, total))
		track('title', 'video', {asset: {type: 'text', text: title, font: {size: Math.round(Math.min(width, height) / 10), weight: 'bold'}},
			duration: length, width: '86%', transition: {in: 'fade', out: 'fade', duration: round(Math.min(0.5, length / 4))}})
	}
	let start = 0
	for (const s of sounds) {
		track(s, 'audio', {asset: {type: 'audio', src: s.asset.src}, start, duration: 'end', volume: s.volume,
			fade_out: round(Math.max(0, Math.min(1, (total - start) / 4, lengthOf(s) / 4)))})
		start = round(start + lengthOf(s))
	}

	return {places, document: {version: 1, ...(title && {title}),
		timeline: {width, height, tracks}, outputs}}
}

const canonical = v => JSON.stringify(v, (_, x) => (x?.constructor === Object ? Object.fromEntries(Object.entries(x).sort()) : x))

// Null for a document that the form cannot show whole. items: by src.
export function fromDocument(document, items) {
	try {
		const {timeline: {width, height, tracks: [main, ...more]}, title = ''} = document
		const item = ({asset, in_point = 0, out_point: out = null, duration, volume}) =>
			({...items.get(asset.src), kind: asset.type, in: in_point, out, seconds: duration, volume})
		const film = {
			title,
			between: main.clips.length < 2 || main.clips.some(c => c.type) ? 'fade' : 'none',
			size: Object.keys(sizes).find(k => `${sizes[k]}` === `${[width, height]}`),
			clips: main.clips.filter(c => c.asset).map(item),
			sounds: more.filter(k => k.kind === 'audio').map(k => item(k.clips[0])),
		}
		return canonical(toDocument(film).document) === canonical({outputs, ...document}) ? film : null
	} catch {
		return null
	}
}

export const ownerOf = (places, pointer) => places.filter(([p]) => `${pointer}/`.startsWith(`${p}/`))
	.sort((a, b) => b[0].length - a[0].length)[0]?.[1]
