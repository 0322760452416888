import { api, ask } from './client'

export const POSTER_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/svg+xml']

/** Sends the bytes as they are; the server answers with the path under which it keeps them. */
export async function uploadPoster(file: File): Promise<string> {
  const answer = await ask(
    api.POST('/api/admin/posters', {
      // The description of the call has a list of bytes; what is sent is the file itself.
      body: file as unknown as number[],
      bodySerializer: (body: unknown) => body as BodyInit,
      headers: { 'Content-Type': file.type },
    }),
  )
  return answer.poster_url
}
