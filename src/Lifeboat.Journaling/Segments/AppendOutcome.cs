// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Segments;

public enum AppendOutcome
{
    Appended = 1,
    /// <summary>No room: nothing was kept, and the journal goes on as before.</summary>
    Full = 2,
}
