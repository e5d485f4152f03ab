// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;

namespace Lifeboat.Protection.Merging;

/// <summary>A value that a field was given.</summary>
/// <param name="By">The writer: `SITE`, or `SITE.LIFE`; see <see cref="MergedFields"/>.</param>
/// <param name="Number">Which of that writer's edits of the document it was: 1, 2, 3 …</param>
/// <param name="At">By the writer's clock; for people, and to choose among values that nobody chose from.</param>
/// <param name="Value">JSON, as the API has the field.</param>
public sealed record FieldEntry(string By, long Number, DateTimeOffset At, string Value)
{
    [JsonIgnore]
    public string Site => By.IndexOf('.', StringComparison.Ordinal) is > 0 and var end ? By[..end] : By;
}
