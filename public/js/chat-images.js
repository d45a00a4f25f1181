// Images for a question: chosen, pasted or dropped; made small here, which also leaves out where they were taken.
(() => {
  const SIDE_MAX_PX = 2048;
  const IMAGES_MAX = 8;
  const QUALITY = 0.85;
  const composer = document.getElementById('composer');
  const list = document.getElementById('composer-images');
  const picker = document.getElementById('composer-files');
  if (!composer || !list || !picker) return;

  const smaller = async (file) => {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, SIDE_MAX_PX / Math.max(picture.width, picture.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return canvas.toDataURL(file.type === 'image/png' ? 'image/png' : 'image/jpeg', QUALITY);
  };

  const show = (url) => {
    const item = document.createElement('li');
    const picture = document.createElement('img');
    const field = document.createElement('input');
    const remove = document.createElement('button');
    picture.src = url;
    picture.alt = `To send: ${list.children.length + 1}`;
    Object.assign(field, { type: 'hidden', name: 'image', value: url });
    Object.assign(remove, { type: 'button', className: 'button button--quiet', textContent: 'Remove' });
    remove.addEventListener('click', () => item.remove());
    item.append(picture, field, remove);
    list.append(item);
  };

  const add = async (files) => {
    const room = IMAGES_MAX - list.children.length;
    for (const file of [...files].filter(({ type }) => type.startsWith('image/')).slice(0, room)) {
      try {
        show(await smaller(file));
      } catch {
        // What no browser can draw no model can see.
      }
    }
  };

  picker.addEventListener('change', async () => {
    await add(picker.files);
    picker.value = '';
  });
  composer.addEventListener('paste', (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    add(event.clipboardData.files);
  });
  composer.addEventListener('dragover', (event) => event.preventDefault());
  composer.addEventListener('drop', (event) => {
    if (event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    add(event.dataTransfer.files);
  });
  composer.addEventListener('question-taken', () => list.replaceChildren());
})();
