import { api, ask } from './client'

export const POSTER_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/svg+xml']

/** Uploads the file as raw bytes; returns the path under which the server serves it. */
export async function uploadPoster(file: File): Promise<string> {
  const answer = await ask(
    api.POST('/api/admin/posters', {
      // The generated type of a binary body is a list of numbers; the file itself is sent.
      body: file as unknown as number[],
      bodySerializer: (body: unknown) => body as BodyInit,
      headers: { 'Content-Type': file.type },
    }),
  )
  return answer.poster_url
}
