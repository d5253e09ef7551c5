/** The bundler gives a file's text. */
declare module "*.txt" {
	const text: string;
	export default text;
}
