"""Pictures (图片): uploaded by operators, checked, shrunk, and served to everybody for ever.

What comes in is a JPEG, PNG or WebP of at most 8 MB and 40 megapixels. It is read whole before anything is kept, turned as the camera
says, and written anew as WebP in two sizes, no longer than 1,200 and 400 pixels: nothing of the file that came stays, neither the place
where it was taken nor anything hidden in it.

A **picture** is named by its **digest**, the SHA-256 of its larger size: the same picture uploaded twice is one, and an address never
shows another picture, so browsers may keep what they have without asking again. Pictures lie in the database: a few hundred of some
100 kB each, which every server and every backup then has without a shared folder.

Who shows a picture points to it by a foreign key, and it stays while they do. One to which nothing points any more is marked by the nightly
job, and deleted some days later, unless something points to it again or it was uploaded anew.

Always: what is served is what was checked; a digest tells its content; no picture that is shown is deleted.
Whoever uploads one that is there holds its row until it is shown, and clearing passes over rows that are held.
"""
