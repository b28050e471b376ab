/** Why a plugin is not loaded. The message continues "the type …" and tells what to do; it is shown with the place in the file. */
export class PluginRefusal extends Error {
  override readonly name = 'PluginRefusal';
}
