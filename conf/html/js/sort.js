// Rows of a list dragged by their grip; the buttons of a row do the same.

// moved(from, to): the row was let go at another place
export const sortable = (list, moved) => list.addEventListener('pointerdown', e => {
	const grip = e.target.closest('.grip')
	if (!grip) return
	const row = grip.closest('li')
	const place = r => [...list.children].indexOf(r)
	const from = place(row)
	e.preventDefault()
	grip.setPointerCapture(e.pointerId)
	row.classList.add('dragged')
	// the others move, since what is taken out loses the pointer
	grip.onpointermove = ({clientY: y}) => {
		const other = [...list.children].find(r => r !== row && y > r.offsetTop - scrollY && y < r.offsetTop + r.offsetHeight - scrollY)
		if (other) list.insertBefore(other, place(other) > place(row) ? row : row.nextSibling)
	}
	grip.onlostpointercapture = () => {
		grip.onpointermove = grip.onlostpointercapture = null
		row.classList.remove('dragged')
		if (place(row) !== from) moved(from, place(row))
	}
})
