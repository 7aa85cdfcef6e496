// Rows of a list dragged by their handle, with mouse, pen or finger. What this
// does the buttons of a row do as well.

// moved(from, to): the row was let go at another place
export function sortable(list, moved) {
	list.addEventListener('pointerdown', (down) => {
		const grip = down.target.closest('.grip');
		if (!grip) return;
		const rows = [...list.children];
		const row = grip.closest('li');
		const from = rows.indexOf(row);
		const boxes = rows.map((r) => r.getBoundingClientRect());
		let to = from;

		down.preventDefault();
		grip.setPointerCapture(down.pointerId);
		row.classList.add('dragged');

		grip.onpointermove = (e) => {
			const by = e.clientY - down.clientY;
			to = boxes.filter((b, i) => i !== from && b.top + b.height / 2 < boxes[from].top + boxes[from].height / 2 + by).length;
			rows.forEach((r, i) => {
				const step = (i > from && i <= to ? -1 : i < from && i >= to ? 1 : 0) * (boxes[from].height + 8);
				r.style.transform = `translateY(${i === from ? by : step}px)`;
			});
		};
		grip.onlostpointercapture = () => {
			grip.onpointermove = grip.onlostpointercapture = null;
			row.classList.remove('dragged');
			rows.forEach((r) => { r.style.transform = ''; });
			if (to !== from) moved(from, to);
		};
	});
}
