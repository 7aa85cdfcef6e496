// BlurHash, in base 83: number of cosine components, their peak, the mean colour,
// then two digits for each.

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~'
const linear = v => (v > 10 ? ((v / 255 + 0.055) / 1.055) ** 2.4 : v / 3294.6)
const srgb = v => 255 * (v > 0.0031308 ? 1.055 * v ** (1 / 2.4) - 0.055 : 12.92 * v)

export function drawBlurHash(hash, canvas) {
	const number = (from, to) => [...hash.slice(from, to)].reduce((n, c) => n * 83 + digits.indexOf(c), 0)
	const nx = number(0, 1) % 9 + 1
	const ny = Math.floor(number(0, 1) / 9) + 1
	if (hash.length !== 4 + 2 * nx * ny) return false

	const mean = number(2, 6)
	const peak = (number(1, 2) + 1) / 166
	const colors = Array.from({length: nx * ny}, (_, i) => {
		const v = number(4 + 2 * i, 6 + 2 * i)
		return i ? [v / 361, v / 19 % 19, v % 19].map(q => {const s = (Math.floor(q) - 9) / 9; return s * Math.abs(s) * peak})
			: [mean >> 16, mean >> 8 & 255, mean & 255].map(linear)
	})

	const {width, height} = canvas
	const context = canvas.getContext('2d')
	const image = context.createImageData(width, height)
	image.data.forEach((_, at) => {
		const x = (at >> 2) % width
		const y = Math.floor((at >> 2) / width)
		image.data[at] = at % 4 === 3 ? 255 : srgb(Math.max(0, colors.reduce((sum, color, i) => sum + color[at % 4]
			* Math.cos(Math.PI * x * (i % nx) / width) * Math.cos(Math.PI * y * Math.floor(i / nx) / height), 0)))
	})
	context.putImageData(image, 0, 0)
	return true
}
