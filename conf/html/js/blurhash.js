// Draws a BlurHash: a picture's lowest cosine components in base 83, as its
// algorithm document describes them: one character of component counts, one of
// the largest AC value, four of the mean colour, two for each further component.

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~';

const number = (s) => [...s].reduce((n, c) => {
	const d = digits.indexOf(c);
	if (d < 0) throw new RangeError('not a BlurHash');
	return n * 83 + d;
}, 0);

const toLinear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
const toSrgb = (v) => 255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
const signedSquare = (v) => Math.sign(v) * v * v;

// Into all of the canvas; false if the text is no BlurHash.
export function drawBlurHash(hash, canvas) {
	try {
		const counts = number(hash[0]);
		const nx = (counts % 9) + 1;
		const ny = Math.floor(counts / 9) + 1;
		if (hash.length !== 4 + 2 * nx * ny) return false;

		const peak = (number(hash[1]) + 1) / 166;
		const mean = number(hash.slice(2, 6));
		const colors = [[mean >> 16, (mean >> 8) & 255, mean & 255].map(toLinear)];
		for (let i = 1; i < nx * ny; i++) {
			const v = number(hash.slice(4 + 2 * i, 6 + 2 * i));
			colors.push([Math.floor(v / 361), Math.floor(v / 19) % 19, v % 19].map((q) => signedSquare((q - 9) / 9) * peak));
		}

		const { width, height } = canvas;
		const context = canvas.getContext('2d');
		const image = context.createImageData(width, height);
		for (let y = 0, at = 0; y < height; y++) {
			for (let x = 0; x < width; x++, at += 4) {
				const rgb = [0, 0, 0];
				for (let j = 0; j < ny; j++) {
					for (let i = 0; i < nx; i++) {
						const basis = Math.cos(Math.PI * x * i / width) * Math.cos(Math.PI * y * j / height);
						for (let c = 0; c < 3; c++) rgb[c] += colors[j * nx + i][c] * basis;
					}
				}
				for (let c = 0; c < 3; c++) image.data[at + c] = toSrgb(Math.max(0, Math.min(1, rgb[c])));
				image.data[at + 3] = 255;
			}
		}
		context.putImageData(image, 0, 0);
		return true;
	} catch {
		return false;
	}
}
