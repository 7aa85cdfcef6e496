// Rows of a list dragged by their handle, with mouse, pen or finger. What it
// does the buttons of a row do as well.

// sortable(list, moved): a [data-grip] in a child of `list` drags that child;
// moved(from, to) when it was let go elsewhere.
export function sortable(list, moved) {
	list.addEventListener('pointerdown', (down) => {
		const grip = down.target.closest('[data-grip]');
		if (!grip || down.button !== 0) return;
		const row = [...list.children].find((r) => r.contains(grip));
		const rows = [...list.children];
		const from = rows.indexOf(row);
		const middles = rows.map((r) => { const b = r.getBoundingClientRect(); return b.top + b.height / 2; });
		const step = row.getBoundingClientRect().height + parseFloat(getComputedStyle(list).rowGap || 0);
		let to = from;

		down.preventDefault();
		grip.setPointerCapture(down.pointerId);
		row.classList.add('dragged');

		const move = (e) => {
			const by = e.clientY - down.clientY;
			const at = middles[from] + by;
			to = middles.filter((m, i) => i !== from && m < at).length;
			rows.forEach((r, i) => {
				const away = i === from ? by : i > from && i <= to ? -step : i < from && i >= to ? step : 0;
				r.style.transform = away ? `translateY(${away}px)` : '';
			});
		};
		const end = (e) => {
			grip.removeEventListener('pointermove', move);
			row.classList.remove('dragged');
			rows.forEach((r) => { r.style.transform = ''; });
			if (e.type === 'pointerup' && to !== from) moved(from, to);
		};

		grip.addEventListener('pointermove', move);
		grip.addEventListener('pointerup', end, { once: true });
		grip.addEventListener('pointercancel', end, { once: true });
	});
}
