// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Storage;

/// <summary>
/// Changes of a row whose body is one JSON document: the row is written only while it has the very text that the change
/// was made from; else the change is made again from what is there now. So of two people, at one controller or at two,
/// who change different fields at once, none undoes what the other did.
/// </summary>
internal static class BodyChange
{
    /// <param name="read">The text that is kept; null: there is none.</param>
    /// <param name="change">What it is to be. Called again when somebody was faster; throws what it cannot do.</param>
    /// <param name="write">Writes the second text if the first one is still there; false: it is not.</param>
    /// <returns>What was written.</returns>
    public static T Make<T>(Func<string?> read, Func<T?, T> change, Func<string?, string, bool> write) where T : class
    {
        while (true)
        {
            var before = read();
            var next = change(before is null ? null : StoredJson.Read<T>(before));
            var after = StoredJson.Write(next);
            if (before == after || write(before, after)) return next;
        }
    }
}
