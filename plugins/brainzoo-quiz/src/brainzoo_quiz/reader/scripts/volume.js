// The same three planes, drawn by niivue (WebGL 2), which interpolates between voxels in 3-D.
"use strict";

const NIIVUE_PLANE = { axial: 0, coronal: 1, sagittal: 2 };
const NIFTI_UINT8 = 2;

/** Return a viewer that draws with niivue, or null where this browser cannot. */
async function niivueViewer(canvas, image) {
  if (!document.createElement("canvas").getContext("webgl2")) return null;
  if (typeof niivue === "undefined" && !(await loadScript("assets/niivue.js"))) return null;
  const viewer = new NiivueViewer(canvas, image);
  await viewer.attach();
  return viewer;
}

/** Load a script of the same server; a static page has it inside already. */
function loadScript(address) {
  if (location.protocol === "file:") return false;
  return new Promise((done) => {
    const script = make("script", "", { src: address });
    script.onload = () => done(true);
    script.onerror = () => done(false);
    document.head.append(script);
  });
}

class NiivueViewer extends PlanesViewer {
  /** Layout, scrolling and labels are the parent's; its canvas lies over niivue's. */
  async attach() {
    this.glass = make("canvas", "", { className: "glass" });
    this.glass.setAttribute("aria-hidden", "true");
    this.canvas.before(this.glass);
    this.glass.addEventListener("webglcontextlost", () => this.giveUp());
    this.lost = false;
    this.nv = new niivue.Niivue({
      logLevel: "silent",
      interactive: false,
      dragAndDropEnabled: false,
      isResizeCanvas: false,
      forceDevicePixelRatio: -1,
      isRadiologicalConvention: true,
      sagittalNoseLeft: true,
      isOrientationTextVisible: false,
      isColorbar: false,
      crosshairWidth: 0,
      loadingText: "",
    });
    try {
      await this.nv.attachToCanvas(this.glass, true);
    } catch (error) {
      this.glass.remove();
      throw error;
    }
  }

  async open(pixels) {
    if (!this.lost) await this.load(pixels).catch(() => this.giveUp());
    await super.open(pixels);
  }

  async load(pixels) {
    const [nx, ny, nz] = this.shape;
    const ordered = new Uint8Array(pixels.length);  // NIfTI counts x first
    for (let x = 0; x < nx; x += 1) {
      for (let y = 0; y < ny; y += 1) {
        for (let z = 0; z < nz; z += 1) ordered[(z * ny + y) * nx + x] = pixels[(x * ny + y) * nz + z];
      }
    }
    const { axial: [x, y], coronal: [, z] } = this.mm;
    const [dx, dy, dz] = [x / nx, y / ny, z / nz];
    const affine = [dx, 0, 0, 0, 0, dy, 0, 0, 0, 0, dz, 0, 0, 0, 0, 1];
    const file = niivue.NVImage.createNiftiArray(this.shape, [dx, dy, dz], affine, NIFTI_UINT8, ordered);
    const volume = await niivue.NVImage.new(file.buffer, "volume.nii", "gray", 1, null, 0, 255);
    this.forget();
    this.nv.addVolume(volume);
  }

  forget() {
    for (const old of [...this.nv.volumes]) this.nv.removeVolume(old);
  }

  /** The graphics card went away, or cannot: from now on the parent draws. */
  giveUp() {
    this.lost = true;
    this.glass.remove();
    this.draw();
  }

  close() {
    if (!this.lost) this.forget();
    this.glass.hidden = true;
    super.close();
  }

  setWindow(range) {
    const [volume] = this.lost ? [] : this.nv.volumes;
    if (volume) {
      [volume.cal_min, volume.cal_max] = [range.low, range.high];
      this.nv.updateGLVolume();
    }
    super.setWindow(range);
  }

  draw() {
    if (this.lost) {
      super.draw();
      return;
    }
    const context = smoothContext(this.canvas);
    if (!this.volume || !this.nv.volumes.length) return;
    sizeCanvas(this.glass, this.width, this.height);
    this.glass.hidden = false;
    this.nv.gl.viewport(0, 0, this.glass.width, this.glass.height);
    const { sagittal, coronal, axial } = this.at;
    this.nv.scene.crosshairPos = this.nv.vox2frac([sagittal, coronal, axial]);
    this.nv.setCustomLayout(PLANES.map((plane) => {
      const { x, y, width, height } = this.places[plane];
      const position = [x / this.width, y / this.height, width / this.width, height / this.height];
      return { sliceType: NIIVUE_PLANE[plane], position };
    }));
    for (const plane of PLANES) this.label(context, plane, this.canvas.width / this.width);
  }
}
