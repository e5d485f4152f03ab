// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>
/// Makes a thing of a cloud exactly once, however often it is asked for and whatever answers are lost (I8): it is
/// looked for by a name or mark of ours before each attempt, so what an earlier attempt made is found. Where the cloud
/// wrote a lost attempt down later than we looked, the younger one goes again.
/// </summary>
internal static class MakeOnce
{
    private const int AttemptsMax = 4;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    /// <param name="find">All that has our mark, the oldest first.</param>
    /// <param name="make">One attempt, never repeated by itself.</param>
    /// <param name="drop">Removes one that is too many.</param>
    /// <exception cref="CloudException">It could not be made; with MaybeDone it may still appear.</exception>
    public static async Task<T> RunAsync<T>(Func<CancellationToken, Task<IReadOnlyList<T>>> find,
        Func<CancellationToken, Task<T>> make, Func<T, CancellationToken, Task> drop, TimeProvider time,
        CancellationToken ct) where T : class
    {
        for (var attempt = 1; ; attempt++)
        {
            if (await find(ct) is { Count: > 0 } found)
            {
                foreach (var surplus in found.Skip(1)) await drop(surplus, ct);
                return found[0];
            }
            try
            {
                var made = await make(ct);
                // After a lost answer there may be two by now; the next look keeps one.
                if (attempt == 1) return made;
            }
            catch (CloudException e) when (e.MaybeDone && attempt < AttemptsMax)
            {
                // A service that lost its answer may still be about to write the thing down.
                await Task.Delay(FirstPause * (1 << (attempt - 1)), time, ct);
            }
        }
    }
}
